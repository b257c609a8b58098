#!/usr/bin/env node
import './heap.ts';
import { realpathSync } from 'node:fs';
import { AircheckError } from '@aircheck/protocol';
import { startAgent } from './agent.ts';
import { commands } from './commands.ts';
import { AgentConsole, systemLocale, textsFor } from './console/index.ts';
import { agentFolders, thisComputer } from './settings/index.ts';
import { version } from './version.ts';

const help = `aircheck-agent ${version}: records rooms to this computer, for pages that were paired with it

Usage: aircheck-agent [run]              waits for pages; Ctrl-C finishes all files
       aircheck-agent pair               shows a one-time code to type into a page
       aircheck-agent folder [path]      allows a folder for files, or lists those allowed
       aircheck-agent allow [site]       lets only listed sites be paired, or lists them
       aircheck-agent forget <site|folder>
       aircheck-agent autostart [on|off] starts the agent when you sign in
       aircheck-agent status
       aircheck-agent --version | --help

Environment:
  AIRCHECK_AGENT_HOME   folder for settings and notes, instead of the system's own
  AIRCHECK_AGENT_PORTS  ports to listen on, the first free one is taken (17173,17174,17175,17176,17177)
  AIRCHECK_AGENT_LOG    debug, info, warn or error (info)
`;

const computer = thisComputer();
const folders = agentFolders(computer);
const texts = textsFor(systemLocale(computer.env));
/** Started by a link, as npm makes one in a folder of programs: what it leads to stays where it is. */
const program = realpathSync(process.argv[1] ?? '');
const [name = 'run', ...words] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;

if (name === '--help' || name === '-h' || name === 'help') process.stdout.write(help);
else if (name === '--version' || name === '-v') process.stdout.write(`${version}\n`);
else if (name === 'run' && words.length === 0) await orExit(run);
else if (command !== undefined && words.length <= 1) {
  for (const line of await orExit(async () => command(words, { computer, folders, texts, program }))) {
    process.stdout.write(`${line}\n`);
  }
} else {
  process.stderr.write(`aircheck-agent: unknown command ${JSON.stringify([name, ...words].join(' '))}\n\n${help}`);
  process.exitCode = 2;
}

async function run(): Promise<void> {
  // Closing the terminal must not cut files off.
  let ending = false;
  const end = () => {
    if (ending) process.exit(1);
    ending = true;
    face.logger.info('the agent ends');
    agent.close().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`aircheck-agent: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  const { env } = computer;
  const face = new AgentConsole(texts, process.stdout, process.stdin, env.AIRCHECK_AGENT_LOG ?? 'info');
  const ports = env.AIRCHECK_AGENT_PORTS;
  const agent = await startAgent({
    folders,
    ...(ports !== undefined && { ports: portsOf(ports) }),
    console: face,
    onQuit: end,
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end);
}

/** @throws AircheckError `config-invalid` */
function portsOf(text: string): readonly number[] {
  const ports = text.split(',').map(Number);
  if (ports.every((port) => Number.isInteger(port) && port >= 0 && port < 65_536)) return ports;
  throw new AircheckError('config-invalid', `AIRCHECK_AGENT_PORTS: ${JSON.stringify(text)} is no list of ports`);
}

/** Ends the process with one clear line where the fault is not the program's. */
async function orExit<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AircheckError)) throw error;
    process.stderr.write(`aircheck-agent: ${error.message}${error.hint === undefined ? '' : `. ${error.hint}`}\n`);
    process.exit(1);
  }
}
