/** What the agent says on its terminal. */
export interface Texts {
  readonly listening: (port: number) => string;
  readonly keys: string;
  readonly code: string;
  readonly codeValid: (left: string) => string;
  readonly codeVoid: string;
  readonly pages: string;
  readonly connected: string;
  readonly noPages: string;
  readonly folders: string;
  readonly recordings: string;
  readonly noRecordings: string;
  readonly everybody: string;
  readonly log: string;
  /** Log messages, by their English text. */
  readonly messages: Readonly<Record<string, string>>;
  readonly commands: {
    readonly folderAllowed: (path: string) => string;
    readonly originAllowed: (origin: string) => string;
    readonly forgotten: (what: string) => string;
    readonly unknown: (what: string) => string;
    readonly autostartOn: (how: string) => string;
    readonly autostartOff: string;
    readonly runs: (pid: number, port: number) => string;
    readonly runsNot: string;
    readonly allowedOrigins: string;
    readonly anyOrigin: string;
    readonly autostart: string;
    readonly on: string;
    readonly off: string;
    readonly config: string;
  };
}

const en: Texts = {
  listening: (port) => `listening on 127.0.0.1:${port}`,
  keys: '[p] new code  [q] quit',
  code: 'Pairing code',
  codeValid: (left) => `valid for ${left}, for one page`,
  codeVoid: 'none: press p for one',
  pages: 'Pages',
  connected: 'connected',
  noPages: 'none yet: type the code above into the page',
  folders: 'Folders',
  recordings: 'Recordings',
  noRecordings: 'none',
  everybody: 'everybody',
  log: 'Log',
  messages: {},
  commands: {
    folderAllowed: (path) => `Pages that are paired may make files under ${path}.`,
    originAllowed: (origin) => `Only listed sites may be paired from now on; ${origin} is one of them.`,
    forgotten: (what) => `${what} is allowed no more.`,
    unknown: (what) => `${what} was not allowed.`,
    autostartOn: (how) => `The agent starts when you sign in (${how}).`,
    autostartOff: 'The agent does not start by itself any more.',
    runs: (pid, port) => `The agent runs: process ${pid}, port ${port}.`,
    runsNot: 'The agent does not run.',
    allowedOrigins: 'Allowed sites',
    anyOrigin: 'any, once it is paired',
    autostart: 'Autostart',
    on: 'on',
    off: 'off',
    config: 'Settings in',
  },
};

const zh: Texts = {
  listening: (port) => `正在监听 127.0.0.1:${port}`,
  keys: '[p] 新配对码  [q] 退出',
  code: '配对码',
  codeValid: (left) => `${left} 内有效，仅限一个页面`,
  codeVoid: '无，按 p 生成',
  pages: '页面',
  connected: '已连接',
  noPages: '尚无：请在页面中输入上面的配对码',
  folders: '文件夹',
  recordings: '录制',
  noRecordings: '无',
  everybody: '全体混音',
  log: '日志',
  messages: {
    listening: '已启动',
    paired: '已配对',
    recording: '开始录制',
    closed: '录制结束',
    refused: '已拒绝请求',
    'a page was turned away': '已拒绝页面连接',
    'finished a file that was cut off': '已修复中断的文件',
    'the mix failed': '混音失败',
    'settings cannot be read; what they last were goes on': '无法读取设置，沿用上次的设置',
    'no code could be made': '无法生成配对码',
    'the agent ends': '正在退出',
  },
  commands: {
    folderAllowed: (path) => `已配对的页面可以在 ${path} 下创建文件。`,
    originAllowed: (origin) => `今后只有列出的网站可以配对，其中包括 ${origin}。`,
    forgotten: (what) => `已取消对 ${what} 的许可。`,
    unknown: (what) => `${what} 不在许可之列。`,
    autostartOn: (how) => `登录系统时将自动启动录制助手（${how}）。`,
    autostartOff: '录制助手不再自动启动。',
    runs: (pid, port) => `录制助手正在运行：进程 ${pid}，端口 ${port}。`,
    runsNot: '录制助手未运行。',
    allowedOrigins: '允许的网站',
    anyOrigin: '任意网站，需配对',
    autostart: '自动启动',
    on: '开',
    off: '关',
    config: '设置位于',
  },
};

/** Chinese for those whose system speaks it, English for all others. */
export function textsFor(locale: string): Texts {
  return locale.toLowerCase().startsWith('zh') ? zh : en;
}

/** The language of the user's system: what a POSIX terminal says first, since Node's own does not follow all of it. */
export function systemLocale(env: Readonly<Record<string, string | undefined>>): string {
  const said = env.LC_ALL || env.LC_MESSAGES || env.LANG;
  return said && !/^(C|POSIX)\b/.test(said) ? said : Intl.DateTimeFormat().resolvedOptions().locale;
}
