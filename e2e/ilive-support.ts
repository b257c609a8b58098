import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RunningServer } from '@aircheck/testkit';
import type * as ilive from '@aircheck/web/ilive';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { makeUserSig } from '../packages/server/tests/vendors/user-sig-maker.ts';

export const sdkAppId = 1_400_012_345;

/** What a page of these tests has on its window. */
export type ILiveWindow = typeof ilive & {
  /** What happened, in words. */
  readonly heard: string[];
  /** The vendor's error that a call fails with; its result's JSON when it does not. */
  failureOf(call: Promise<unknown>): Promise<string>;
};

export type Sdk = ILiveWindow & {
  readonly manager: ReturnType<ILiveWindow['ILiveRoomManager']['getInstance']>;
  readonly login: ReturnType<ILiveWindow['ILiveLoginManager']['getInstance']>;
  readonly root: ReturnType<ILiveWindow['ILiveSDK']['getInstance']>;
  /** An option with which nothing is switched on. */
  quiet(): InstanceType<ILiveWindow['ILiveRoomOption']>;
  named(fileName: string): InstanceType<ILiveWindow['ILiveRecordOption']>;
};

/** The page of an application: it is neither the server's nor of its origin. */
export async function startApplication(): Promise<string> {
  const server = createServer((_request, response) => {
    // Anyone may read it: it answers as a wrong address does that lies behind a permissive proxy.
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-allow-headers', '*, authorization');
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>An application</title><div id="view"></div>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // For all tests of a file; it ends with its process.
  server.unref();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The UserSig that the application's own back end would make. */
export function userSig(server: RunningServer, userId: string, expire?: number): string {
  const time = Math.floor(Date.now() / 1000);
  return makeUserSig({ secret: server.apiSecret, sdkAppId, userId, time, ...(expire !== undefined && { expire }) });
}

/** Opens the application and loads the SDK from the server. */
export async function openApplication(page: Page, server: RunningServer, application: string): Promise<void> {
  await page.goto(application);
  await page.evaluate(`import('${server.url}/sdk/ilive.js').then((sdk) => {
    const failureOf = (call) => call.then(
      (result) => 'done: ' + JSON.stringify(result),
      (error) => {
        if (!(error instanceof sdk.ILiveError)) throw error;
        return error.module + ' ' + error.errCode;
      },
    );
    Object.assign(window, sdk, { heard: [], failureOf });
  })`);
}

/** Initializes the SDK and logs a user in by its UserSig, in the shape of the iOS SDK. */
export async function logIn(page: Page, server: RunningServer, userId: string): Promise<void> {
  const given = { url: server.url, sdkAppId, userId, sig: userSig(server, userId) };
  const outcome = await page.evaluate(async ({ url, sdkAppId, userId, sig }) => {
    const { ILiveSDK, ILiveLoginManager, heard } = window as unknown as ILiveWindow;
    ILiveSDK.getInstance().initSdk({ serverUrl: url, sdkAppId, accountType: 884 });
    for (const name of ['MemberIn', 'MemberOut', 'HasVideo', 'NoVideo', 'HasAudio', 'NoAudio', 'Disconnected']) {
      const handler = {
        [`onRoom${name}`]: (...told: unknown[]) => heard.push(`${name} ${told.slice(0, 4).join(' ')}`),
      };
      ILiveSDK.getInstance().addEventHandler(handler);
    }
    ILiveSDK.getInstance().addEventHandler({
      onForceOffline: (user, module, errCode) => heard.push(`ForceOffline ${user} ${module} ${errCode}`),
      onGroupDisband: (roomId) => heard.push(`GroupDisband ${roomId}`),
    });
    ILiveLoginManager.getInstance().setUserStatusListener({
      onForceOffline: (errCode) => heard.push(`UserStatus ${errCode}`),
    });
    return new Promise<string>((resolve) => {
      ILiveLoginManager.getInstance().iLiveLogin(
        userId,
        sig,
        () => resolve('logged in'),
        (module, errId, errMsg) => resolve(`${module} ${errId} ${errMsg}`),
      );
    });
  }, given);
  expect(outcome).toBe('logged in');
}

/**
 * Makes a call in the page; `sdk` are the managers and what a test needs besides.
 * @returns the module and the number that it fails with, or `done: ` and its result
 */
export function tell<Given = undefined>(page: Page, call: (sdk: Sdk, given: Given) => Promise<unknown>, given?: Given) {
  const script = `(() => {
    const { ILiveRoomManager, ILiveLoginManager, ILiveSDK } = window;
    const sdk = {
      ...window, window,
      ILiveRecordOption, ILiveRoomOption, ILiveConstants, AVRoomMulti,
      manager: ILiveRoomManager.getInstance(), login: ILiveLoginManager.getInstance(), root: ILiveSDK.getInstance(),
      quiet: () => new ILiveRoomOption().autoCamera(false).autoMic(false),
      named: (name) => new ILiveRecordOption().fileName(name),
    };
    return window.failureOf((${call.toString()})(sdk, ${JSON.stringify(given)}));
  })()`;
  return page.evaluate(script) as Promise<string>;
}
