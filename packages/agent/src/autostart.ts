import { execFile } from 'node:child_process';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, posix } from 'node:path';
import { promisify } from 'node:util';
import { type Computer, xdgFolder } from './settings/index.ts';

const run = promisify(execFile);

const WINDOWS_RUN_KEY = 'HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run';
const WINDOWS_VALUE = 'AircheckAgent';
const MAC_LABEL = 'org.aircheck.agent';

/** How a platform starts a program when its user signs in: by a file of its own, or by commands. */
export type AutostartPlan =
  | { readonly kind: 'file'; readonly path: string; readonly text: string }
  | {
      readonly kind: 'commands';
      readonly on: readonly string[];
      readonly off: readonly string[];
      /** Ends with 0 when it is on. */
      readonly query: readonly string[];
    };

/**
 * What starts the agent with the user's session: an XDG autostart entry (Desktop Application Autostart Specification), a
 * LaunchAgent on macOS (launchd.plist(5)), a value of the user's Run key on Windows.
 *
 * @param command - program and arguments
 */
export function autostartPlan(command: readonly string[], { platform, home, env }: Computer): AutostartPlan {
  switch (platform) {
    case 'win32':
      return {
        kind: 'commands',
        on: [
          'reg',
          'add',
          WINDOWS_RUN_KEY,
          '/v',
          WINDOWS_VALUE,
          '/t',
          'REG_SZ',
          '/d',
          windowsCommandLine(command),
          '/f',
        ],
        off: ['reg', 'delete', WINDOWS_RUN_KEY, '/v', WINDOWS_VALUE, '/f'],
        query: ['reg', 'query', WINDOWS_RUN_KEY, '/v', WINDOWS_VALUE],
      };
    case 'darwin':
      return {
        kind: 'file',
        path: posix.join(home, 'Library', 'LaunchAgents', `${MAC_LABEL}.plist`),
        text: launchAgent(command, posix.join(home, 'Library', 'Logs', 'aircheck-agent.log')),
      };
    default:
      return {
        kind: 'file',
        path: posix.join(xdgFolder('XDG_CONFIG_HOME', { home, env }), 'autostart', 'aircheck-agent.desktop'),
        text: desktopEntry(command),
      };
  }
}

/** Quotes as the C runtime takes a command line apart: backslashes count only before a quotation mark. */
function windowsCommandLine(command: readonly string[]): string {
  return command.map((word) => `"${word.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, '$1$1')}"`).join(' ');
}

function launchAgent(command: readonly string[], log: string): string {
  const string = (text: string) =>
    `<string>${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}</string>`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">',
    '<dict>',
    `  <key>Label</key>${string(MAC_LABEL)}`,
    '  <key>ProgramArguments</key>',
    `  <array>${command.map(string).join('')}</array>`,
    '  <key>RunAtLoad</key><true/>',
    '  <key>ProcessType</key><string>Interactive</string>',
    `  <key>StandardOutPath</key>${string(log)}`,
    `  <key>StandardErrorPath</key>${string(log)}`,
    '</dict>',
    '</plist>',
    '',
  ].join('\n');
}

/** Escapes twice, as the Desktop Entry Specification wants: for the quoted argument, then for a string value. */
function desktopEntry(command: readonly string[]): string {
  const words = command.map((word) => {
    const argument = word.replace(/["`$\\]/g, '\\$&').replaceAll('%', '%%');
    return `"${argument.replaceAll('\\', '\\\\')}"`;
  });
  return [
    '[Desktop Entry]',
    'Type=Application',
    'Name=Aircheck Agent',
    'Name[zh_CN]=Aircheck 录制助手',
    'Comment=Records rooms to this computer for pages that were paired with it',
    `Exec=${words.join(' ')}`,
    'Terminal=false',
    'NoDisplay=true',
    'X-GNOME-Autostart-enabled=true',
    '',
  ].join('\n');
}

/** Switches the start with the user's session on or off. @returns what was written or run */
export async function setAutostart(enabled: boolean, plan: AutostartPlan): Promise<string> {
  if (plan.kind === 'file') {
    if (enabled) {
      await mkdir(dirname(plan.path), { recursive: true });
      await writeFile(plan.path, plan.text);
    } else {
      await rm(plan.path, { force: true });
    }
    return plan.path;
  }
  if (!enabled && !(await isAutostartOn(plan))) return plan.off.join(' ');
  const [program, ...args] = enabled ? plan.on : plan.off;
  await run(program!, args);
  return [program, ...args].join(' ');
}

export async function isAutostartOn(plan: AutostartPlan): Promise<boolean> {
  const [program, ...args] = plan.kind === 'file' ? [] : plan.query;
  const look = plan.kind === 'file' ? stat(plan.path) : run(program!, args);
  return look.then(
    () => true,
    () => false,
  );
}
