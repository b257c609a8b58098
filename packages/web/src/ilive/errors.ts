import type { ErrorEntry, ILiveModule } from './error-entry.ts';
import { generalErrors } from './general-errors.ts';
import { recordingErrors } from './recording-errors.ts';

/** Every error of ILiveSDK by the name of its constant. */
export const errorTable = { ...generalErrors, ...recordingErrors };

export type ILiveErrorName = keyof typeof errorTable;

/** In what language errors are told. */
export type ILiveLanguage = 'zh' | 'en';

/** What an error number means. */
export interface ErrorDescription {
  readonly code: number;
  /** Its constant in `ILiveConstants`. */
  readonly name: string;
  readonly module: ILiveModule;
  readonly meaning: string;
  readonly advice: string;
  /** Whether it can come here at all. */
  readonly arises: boolean;
}

const byCode = new Map<number, readonly [string, ErrorEntry]>(
  Object.entries(errorTable).map(([name, entry]) => [entry.code, [name, entry]]),
);

/**
 * Says what an error number means and what to do about it.
 * @param code - as given to `onError`
 * @returns undefined for a number that is not in the vendor's tables
 */
export function describeError(code: number, language: ILiveLanguage = 'zh'): ErrorDescription | undefined {
  const found = byCode.get(code);
  if (found === undefined) return undefined;
  const [name, { module, advice, arises, ...entry }] = found;
  return { code, name, module, meaning: entry[language], advice: advice[language], arises };
}

/** A call that failed, in the vendor's terms: what `onError` is given, and what promises reject with. */
export class ILiveError extends Error {
  override readonly name = 'ILiveError';
  readonly module: ILiveModule;
  readonly errCode: number;
  /** What the caller can do. */
  readonly advice: string;

  /**
   * @param detail - what was wrong with this very call; the meaning of the number stands before it
   * @param options.module - where it is not the number's usual one
   */
  constructor(
    name: ILiveErrorName,
    detail: string,
    language: ILiveLanguage,
    options: { readonly module?: ILiveModule; readonly cause?: unknown } = {},
  ) {
    const entry = errorTable[name];
    const colon = language === 'zh' ? '：' : ': ';
    super(detail === '' ? entry[language] : `${entry[language]}${colon}${detail}`, { cause: options.cause });
    this.module = options.module ?? entry.module;
    this.errCode = entry.code;
    this.advice = entry.advice[language];
  }

  /** The third argument of `onError`. */
  get errMsg(): string {
    return this.message;
  }
}
