import QcloudApi, { type Options } from 'qcloudapi-sdk';

/** What the legacy API answers with. */
export interface Answer {
  readonly code: number;
  readonly message: string;
  readonly codeDesc: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests.
  readonly [field: string]: any;
}

export type Call = (action: string, parameters?: object, options?: Options) => Promise<Answer>;

/** The vendor's own client, pointed at a server of ours. */
export function tencentClient(url: string, SecretId: string, SecretKey: string): QcloudApi {
  const { host } = new URL(url);
  return new QcloudApi({ SecretId, SecretKey, Region: 'gz', host, protocol: 'http', method: 'GET' });
}

export function callsOf(client: QcloudApi): Call {
  return (Action, parameters = {}, options = {}) =>
    new Promise((resolve, reject) => {
      const data = { Action, ...parameters };
      // The client keeps options of a call instead of its own ones, not beside them.
      const whole = { ...(client as unknown as { defaults: Options }).defaults, ...options };
      client.request(data, whole, (error, body) => (error === null ? resolve(body as Answer) : reject(error)));
    });
}
