import type * as ilive from '@aircheck/web/ilive';

/*
 * The code samples of Tencent's page on recording in channel mode, in their TypeScript form: run in a page whose globals
 * are the exports of `/sdk/ilive.js`.
 */

declare const ILiveRecordOption: typeof ilive.ILiveRecordOption;
declare const ILiveRoomManager: typeof ilive.ILiveRoomManager;

/** What a sample ended with. */
export type Outcome<Data> = { readonly data: Data } | { readonly error: readonly [string, number, string] };

/** Android: options by methods. */
export function androidStart(of: { filename: string; tag: string; classId: string }): Promise<Outcome<unknown>> {
  return new Promise((resolve) => {
    const { filename, tag, classId } = of;
    const option = new ILiveRecordOption();
    option.fileName(filename);
    option.addTag(tag);
    option.classId(Number.parseInt(classId, 10));

    ILiveRoomManager.getInstance().startRecordVideo(option, {
      onSuccess(data: unknown) {
        resolve({ data });
      },
      onError(module: string, errCode: number, errMsg: string) {
        resolve({ error: [module, errCode, errMsg] });
      },
    });
  });
}

/** Android: the end, with the files' ids. */
export function androidStop(): Promise<Outcome<string[]>> {
  return new Promise((resolve) => {
    const urls: string[] = [];
    ILiveRoomManager.getInstance().stopRecordVideo({
      onSuccess(data: string[]) {
        for (const url of data) {
          urls.push(url);
        }
        resolve({ data: urls });
      },
      onError(module: string, errCode: number, errMsg: string) {
        resolve({ error: [module, errCode, errMsg] });
      },
    });
  });
}

/** iOS: options by properties. */
export function iosStart(of: {
  tags: string[];
  tag: string;
  sdkType: ilive.AVSDKType;
  recordType: ilive.AVRecordType;
}): Promise<Outcome<undefined>> {
  return new Promise((resolve) => {
    const { tags, tag, sdkType, recordType } = of;
    const option = new ILiveRecordOption();
    option.fileName = '新随心播录制文件';
    option.tags = tags;
    option.classId = Number(tag);
    option.avSdkType = sdkType;
    option.recordType = recordType;

    ILiveRoomManager.getInstance().startRecordVideo(
      option,
      () => {
        resolve({ data: undefined });
      },
      (module, errId, errMsg) => {
        resolve({ error: [module, errId, errMsg] });
      },
    );
  });
}

/** iOS: the end, with the files' ids. */
export function iosStop(): Promise<Outcome<string[]>> {
  return new Promise((resolve) => {
    ILiveRoomManager.getInstance().stopRecordVideo(
      (selfPtr) => {
        const fileIds = selfPtr;
        resolve({ data: fileIds });
      },
      (module, errId, errMsg) => {
        resolve({ error: [module, errId, errMsg] });
      },
    );
  });
}
