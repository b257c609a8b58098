import type { ILiveError } from './errors.ts';

/** The callback of the Android SDK. */
export interface ILiveCallBack<Data = unknown> {
  onSuccess(data: Data): void;
  onError(module: string, errCode: number, errMsg: string): void;
}

/** The first block of the iOS SDK: `succ:`. */
export type ILiveSuccess<Data = unknown> = (data: Data) => void;

/** The second block of the iOS SDK: `failed:`. */
export type ILiveFailure = (module: string, errCode: number, errMsg: string) => void;

/**
 * Tells the end of a call to whoever asked for it, in the shape that was given: one object (Android), two functions
 * (iOS), and always the promise.
 * @returns the promise itself. With callbacks it may be dropped: its failure has been told then
 */
export function answer<Data>(
  work: Promise<Data>,
  callBack: ILiveCallBack<Data> | ILiveSuccess<Data> | null | undefined,
  failed: ILiveFailure | null | undefined,
): Promise<Data> {
  if ((callBack ?? failed ?? undefined) === undefined) return work;
  work.then(
    (data) => {
      if (typeof callBack === 'function') callBack(data);
      else callBack?.onSuccess(data);
    },
    ({ module, errCode, errMsg }: ILiveError) => {
      if (typeof callBack === 'object') callBack?.onError(module, errCode, errMsg);
      failed?.(module, errCode, errMsg);
    },
  );
  return work;
}
