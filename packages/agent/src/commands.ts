import { mkdirSync, realpathSync } from 'node:fs';
import { resolve, sep } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import { autostartPlan, isAutostartOn, setAutostart } from './autostart.ts';
import type { Texts } from './console/index.ts';
import { type AgentFolders, AgentLock, type Computer, originOf, Pairings, Settings } from './settings/index.ts';

/** Where npx keeps what it runs, below the cache of npm. */
const NPX_FOLDER = '_npx';

export interface CommandContext {
  readonly computer: Computer;
  readonly folders: AgentFolders;
  readonly texts: Texts;
  /** Absolute path of the module that Node was started with. */
  readonly program: string;
}

type Command = (words: readonly string[], context: CommandContext) => Promise<readonly string[]> | readonly string[];

/** What is done beside a running agent, or without one. Each answers with the lines to be printed. */
export const commands: Readonly<Record<string, Command>> = {
  pair: (_words, { folders, texts }) => {
    const { code, validUntil } = new Pairings(folders).newCode();
    return [`${texts.code}: ${code} (${new Date(validUntil).toLocaleTimeString()})`];
  },

  allow: ([origin], { folders, texts }) => {
    const settings = new Settings(folders);
    if (origin === undefined) return listed(settings.allowedOrigins, texts.commands.anyOrigin);
    return [texts.commands.originAllowed(settings.allowOrigin(origin))];
  },

  folder: ([path], { folders, texts }) => {
    const settings = new Settings(folders);
    if (path === undefined) return settings.folders;
    const real = realFolder(path);
    settings.allowFolder(real);
    return [texts.commands.folderAllowed(real)];
  },

  forget: ([what], { folders, texts }) => {
    if (what === undefined) throw new AircheckError('request-invalid', 'forget needs a site or a folder');
    const settings = new Settings(folders);
    if (/^https?:/.test(what)) {
      const origin = originOf(what);
      // Both are done, whatever the first one finds.
      const found = [settings.disallowOrigin(origin), new Pairings(folders).unpair(origin)].includes(true);
      return [found ? texts.commands.forgotten(origin) : texts.commands.unknown(origin)];
    }
    const found = settings.disallowFolder(what) || settings.disallowFolder(resolve(what));
    return [found ? texts.commands.forgotten(what) : texts.commands.unknown(what)];
  },

  autostart: async ([wanted], { computer, texts, program }) => {
    const plan = autostartPlan([process.execPath, program, 'run'], computer);
    if (wanted === undefined) return [(await isAutostartOn(plan)) ? texts.commands.on : texts.commands.off];
    if (wanted !== 'on' && wanted !== 'off') {
      throw new AircheckError('request-invalid', `autostart is on or off, not ${JSON.stringify(wanted)}`);
    }
    if (wanted === 'on' && program.split(sep).includes(NPX_FOLDER)) {
      throw new AircheckError(
        'request-invalid',
        'this program lies in the cache of npx, which npm may clear at any time',
        {
          hint: 'Install it (npm install -g <address of aircheck-agent.tgz>), then run: aircheck-agent autostart on',
        },
      );
    }
    const how = await setAutostart(wanted === 'on', plan);
    return [wanted === 'on' ? texts.commands.autostartOn(how) : texts.commands.autostartOff];
  },

  status: async (_words, { computer, folders, texts }) => {
    const settings = new Settings(folders);
    const running = await new AgentLock(folders.state, settings.agentId).running();
    const plan = autostartPlan([], computer);
    const { commands: said } = texts;
    return [
      running === undefined ? said.runsNot : said.runs(running.pid, running.port),
      `${texts.pages}: ${listed(
        new Pairings(folders).origins.map(({ origin }) => origin),
        '–',
      ).join(', ')}`,
      `${said.allowedOrigins}: ${listed(settings.allowedOrigins, said.anyOrigin).join(', ')}`,
      `${texts.folders}: ${settings.folders.join(', ')}`,
      `${said.autostart}: ${(await isAutostartOn(plan)) ? said.on : said.off}`,
      `${said.config}: ${folders.config}`,
    ];
  },
};

function listed(items: readonly string[], none: string): readonly string[] {
  return items.length === 0 ? [none] : items;
}

/** A folder's real path: what is allowed is the folder, not a link that may lead elsewhere tomorrow. */
function realFolder(path: string): string {
  try {
    mkdirSync(resolve(path), { recursive: true });
    return realpathSync.native(resolve(path));
  } catch (cause) {
    throw new AircheckError('request-invalid', `${path} is no folder: ${(cause as Error).message}`, { cause });
  }
}
