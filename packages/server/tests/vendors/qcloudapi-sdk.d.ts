declare module 'qcloudapi-sdk' {
  export interface Options {
    readonly SecretId?: string;
    readonly SecretKey?: string;
    readonly Region?: string;
    readonly host?: string;
    readonly serviceType?: string;
    readonly baseHost?: string;
    readonly protocol?: 'http' | 'https';
    readonly method?: 'GET' | 'POST';
    readonly signatureMethod?: 'sha1' | 'sha256';
  }

  /** The vendor's client of its API v2. */
  export default class QcloudApi {
    constructor(defaults: Options);
    request(data: object, options: Options, callback: (error: Error | null, body: unknown) => void): void;
    generateQueryString(data: object, options?: Options): string;
  }
}
