import { type Logger, pino } from 'pino';
import type { PairingCode } from '../settings/index.ts';
import { type AgentView, renderPage } from './render-page.ts';
import { plain } from './text-layout.ts';
import type { Texts } from './texts.ts';

const KEPT_LINES = 200;
const REDRAW_MS = 1000;
/** Alternate screen and hidden cursor, and both undone (xterm control sequences). */
const ENTER_PAGE = '\u001b[?1049h\u001b[?25l';
const LEAVE_PAGE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
const CTRL_C = '\u0003';

export interface ConsoleActions {
  readonly view: () => AgentView;
  readonly newCode: () => void;
  readonly quit: () => void;
}

interface LogEntry {
  readonly level: number;
  readonly time: number;
  readonly msg: string;
  readonly [fact: string]: unknown;
}

/** Facts that every line would carry. */
const UNTOLD = new Set(['level', 'time', 'msg', 'pid', 'hostname', 'err']);

/** The agent's face: a page that is kept up to date in a terminal, plain lines anywhere else. */
export class AgentConsole {
  /** What the parts of the agent tell; shown here. */
  readonly logger: Logger;
  readonly #texts: Texts;
  readonly #out: NodeJS.WriteStream;
  readonly #in: NodeJS.ReadStream;
  readonly #lines: string[] = [];
  #actions: ConsoleActions | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(texts: Texts, out: NodeJS.WriteStream, input: NodeJS.ReadStream, level = 'info') {
    this.#texts = texts;
    this.#out = out;
    this.#in = input;
    this.logger = pino({ level }, { write: (line) => this.#tell(JSON.parse(line) as LogEntry) });
  }

  /** Whether there is a terminal for a page. */
  get hasPage(): boolean {
    return this.#out.isTTY === true && this.#in.isTTY === true;
  }

  /** Shows the page from now on. */
  open(actions: ConsoleActions): void {
    this.#actions = actions;
    if (!this.hasPage) return;
    this.#out.write(ENTER_PAGE);
    this.#in.setRawMode(true);
    this.#in.on('data', this.#onKey);
    this.#out.on('resize', this.draw);
    this.#timer = setInterval(this.draw, REDRAW_MS);
    // A crash must not leave a terminal without a cursor.
    process.once('exit', this.close);
    this.draw();
  }

  /** Tells of a new code where there is no page to show it on. */
  showCode({ code, validUntil }: PairingCode): void {
    if (!this.hasPage) this.#out.write(`${this.#texts.code}: ${code} (${new Date(validUntil).toLocaleTimeString()})\n`);
    this.draw();
  }

  readonly #onKey = (data: Buffer): void => {
    const key = String(data);
    if (key === 'q' || key === CTRL_C) this.#actions?.quit();
    else if (key === 'p') this.#actions?.newCode();
  };

  /** Brings the page up to date. */
  readonly draw = (): void => {
    if (this.#timer === undefined || this.#actions === undefined) return;
    const { columns, rows } = this.#out;
    let view: AgentView;
    try {
      view = this.#actions.view();
    } catch {
      // Settings that cannot be read: what is on the screen stays, and pages are told why.
      return;
    }
    const lines = renderPage(view, this.#lines, { columns, rows, texts: this.#texts });
    this.#out.write(HOME + lines.map((line) => line + CLEAR_LINE).join('\r\n') + CLEAR_BELOW);
  };

  #tell(entry: LogEntry): void {
    const facts = Object.entries(entry).filter(([name]) => !UNTOLD.has(name));
    const { err } = entry as { err?: { message?: string } };
    const told = [
      new Date(entry.time).toLocaleTimeString(),
      this.#texts.messages[entry.msg] ?? entry.msg,
      ...facts.map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`),
      ...(err?.message === undefined ? [] : [err.message]),
    ];
    const line = plain(told.join('  '));
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    if (this.hasPage) this.draw();
    else this.#out.write(`${line}\n`);
  }

  /** Gives the terminal back; the last lines stay on it. */
  readonly close = (): void => {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    process.off('exit', this.close);
    this.#in.off('data', this.#onKey);
    this.#in.setRawMode(false);
    this.#in.pause();
    this.#out.off('resize', this.draw);
    this.#out.write(LEAVE_PAGE);
    for (const line of this.#lines.slice(-5)) this.#out.write(`${line}\n`);
  };
}
