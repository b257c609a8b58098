const zh = {
  token: '访问令牌',
  join: '加入房间',
  joining: '正在加入……',
  leave: '离开',
  record: '开始录制',
  stop: '停止录制',
  files: '录制文件：',
  reconnecting: '网络中断，正在重连……',
};

const en: typeof zh = {
  token: 'Access token',
  join: 'Join the room',
  joining: 'Joining …',
  leave: 'Leave',
  record: 'Record',
  stop: 'Stop recording',
  files: 'Recorded:',
  reconnecting: 'The network is gone; reconnecting …',
};

export const texts = Intl.DateTimeFormat().resolvedOptions().locale.startsWith('zh') ? zh : en;
