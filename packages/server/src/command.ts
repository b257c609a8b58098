import { flushCompileCache } from 'node:module';
import { AircheckError } from '@aircheck/protocol';
import { pino } from 'pino';
import type { Server } from './compose.ts';
import { configHelp, readConfig } from './config.ts';
import { trimHeap } from './trim-heap.ts';
import { version } from './version.ts';

const help = `aircheck ${version}: records live rooms

Usage: aircheck serve     runs the service; SIGTERM and Ctrl-C finish all recordings
       aircheck --version
       aircheck --help

Environment (name, default, meaning):
${configHelp()}
`;

const [command, ...rest] = process.argv.slice(2);
// `npm start -- --help` asks with the command in front.
const asksForHelp = [command, ...rest].some((word) => word === '--help' || word === '-h') || command === 'help';
if (asksForHelp) process.stdout.write(help);
else if (command === '--version' || command === '-v') process.stdout.write(`${version}\n`);
else if (command === 'serve' && rest.length === 0) await serve();
else {
  process.stderr.write(`aircheck: unknown command ${JSON.stringify([command, ...rest].join(' '))}\n\n${help}`);
  process.exitCode = 2;
}

async function serve(): Promise<void> {
  // Closing the terminal must not end recordings.
  process.on('SIGHUP', () => {});
  const config = await orExit(async () => readConfig(process.env));
  const logger = pino({ level: config.logLevel });
  // All that the service is made of: who asks for help need not wait for it.
  const { createServer } = await import('./compose.ts');
  const server: Server = await orExit(() => createServer(config, logger));

  let ending = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (ending) process.exit(1);
      ending = true;
      logger.info({ signal }, 'draining');
      server.close().then(
        () => {
          logger.info('ended');
          process.exit(0);
        },
        (error: unknown) => {
          logger.fatal({ err: error }, 'cannot end orderly');
          process.exit(1);
        },
      );
    });
  }

  logger.info({ url: server.url, workers: server.workerPids, version }, 'listening');
  // For people, thus not among the log lines, which others collect and keep.
  const { key, secret, created } = server.credentials;
  if (created) {
    process.stderr.write(
      `\nThe API key and secret, shown this once and kept in ${config.dataFolder}/credentials.json:\n` +
        `  key     ${key}\n  secret  ${secret}\n`,
    );
  }
  process.stderr.write(`\nOpen ${server.signInUrl}\n(signs you in once, within an hour)\n\n`);
  // Else it is kept at an orderly end alone.
  flushCompileCache();
  trimHeap();
}

/** Ends the process with one clear line where the fault is not the program's. */
async function orExit<T>(start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    process.stderr.write(`aircheck: ${explain(error)}\n`);
    process.exit(1);
  }
}

function explain(error: unknown): string {
  if (error instanceof AircheckError) return `${error.message}${error.hint === undefined ? '' : `. ${error.hint}`}`;
  const { code, message, stack } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return `The address is in use by another program: ${message}`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EACCES') return `Cannot listen: ${message}`;
  return stack ?? String(error);
}
