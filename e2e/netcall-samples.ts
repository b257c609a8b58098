import type { Netcall as NetcallClass } from '@aircheck/web/netcall';

/*
 * The code samples of NetEase's manual on recording (录制相关), as they stand: run in a page whose globals are what the
 * manual's pages have. Each gives back what it ended with, where the manual prints it.
 */

declare const Netcall: typeof NetcallClass;
declare const netcall: NetcallClass;
declare const channelName: string;
declare const account: string;
declare const console: { log(...text: unknown[]): void };

/** 服务端录制 */
export function joinWithServerRecording() {
  return netcall.joinChannel({
    channelName: channelName, //必填
    type: Netcall.NETCALL_TYPE_VIDEO,
    liveEnable: true, //开启互动直播
    sessionConfig: {
      rtmpUrl: '推流地址', // 主播必填
      rtmpRecord: true, // 开启推流录制
    },
  });
}

/** 客户端录制(PC Agent): 开始单人视频录制 */
export function agentStartMp4() {
  return netcall
    .startRecordMp4({
      account: 'testAccount',
      path: 'E:/test.mp4',
    })
    .then((obj) => {
      console.log('startRecordMp4 通知下发为正式录制', obj);
      return obj;
    });
}

/** 停止单人视频录制 */
export function agentStopMp4() {
  return netcall
    .stopRecordMp4({
      account: 'testAccount',
    })
    .then((obj) => {
      console.log('stopRecordMp4 通知下发为录制结束', obj);
      return obj;
    });
}

/** 开始混音录制 */
export function agentStartAac() {
  return netcall
    .startRecordAac({
      path: 'E:/test.mp4',
    })
    .then((obj) => {
      console.log('startRecordAac 通知下发为正式录制', obj);
      return obj;
    });
}

/** 停止混音录制; of the agent and of the browser alike. */
export function stopAac() {
  return netcall.stopRecordAac().then((obj) => {
    console.log('stopRecordAac 通知下发为录制结束', obj);
    return obj;
  });
}

/** 客户端录制(WebRTC): 开始单人视频录制 */
export function browserStartMp4() {
  return netcall.startRecordMp4(account).then((obj) => {
    console.log('startRecordMp4 通知下发为正式录制', obj);
    return obj;
  });
}

/** 停止单人视频录制 */
export function browserStopMp4() {
  return netcall.stopRecordMp4().then((obj) => {
    console.log('stopRecordMp4 通知下发为录制结束', obj);
    return obj;
  });
}

/** 开始混音录制 */
export function browserStartAac() {
  return netcall.startRecordAac().then((obj) => {
    console.log('startRecordAac 通知下发为正式录制', obj);
    return obj;
  });
}
