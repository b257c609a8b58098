import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { autostartPlan, isAutostartOn, setAutostart } from '../src/autostart.ts';
import { agentFolders } from '../src/settings/index.ts';
import { folderForTest } from './room-fixture.ts';

const command = ['/opt/node 24/bin/node', '/home/ann/a "b" $c%d\\e/main.ts', 'run'];

describe('the start with the session of a user', () => {
  it('is an entry of the desktop on Linux, quoted for both readers of it, and is really written and removed', async () => {
    const home = folderForTest();
    const plan = autostartPlan(command, { platform: 'linux', home, env: {} });
    const path = join(home, '.config/autostart/aircheck-agent.desktop');
    expect(await isAutostartOn(plan)).toBe(false);
    expect(await setAutostart(true, plan)).toBe(path);
    expect(await isAutostartOn(plan)).toBe(true);
    expect(readFileSync(path, 'utf8')).toContain(
      String.raw`Exec="/opt/node 24/bin/node" "/home/ann/a \\"b\\" \\$c%%d\\\\e/main.ts" "run"`,
    );
    await setAutostart(false, plan);
    expect(existsSync(path)).toBe(false);
    expect(autostartPlan(command, { platform: 'linux', home, env: { XDG_CONFIG_HOME: '/x' } })).toMatchObject({
      path: '/x/autostart/aircheck-agent.desktop',
    });
  });

  it('is a LaunchAgent on macOS', () => {
    const plan = autostartPlan(['/usr/bin/node', '/a & b/<main>.ts', 'run'], {
      platform: 'darwin',
      home: '/Users/ann',
      env: {},
    });
    expect(plan).toMatchObject({ kind: 'file', path: '/Users/ann/Library/LaunchAgents/org.aircheck.agent.plist' });
    expect(plan.kind === 'file' && plan.text).toContain(
      '<array><string>/usr/bin/node</string><string>/a &amp; b/&lt;main&gt;.ts</string><string>run</string></array>',
    );
  });

  it('is a value of the Run key of the user on Windows', () => {
    const words = ['C:\\Program Files\\nodejs\\node.exe', 'C:\\agent\\', 'run'];
    const plan = autostartPlan(words, { platform: 'win32', home: 'C:\\Users\\ann', env: {} });
    const key = 'HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run';
    expect(plan).toEqual({
      kind: 'commands',
      on: [
        ...['reg', 'add', key, '/v', 'AircheckAgent', '/t', 'REG_SZ', '/d'],
        String.raw`"C:\Program Files\nodejs\node.exe" "C:\agent\\" "run"`,
        '/f',
      ],
      off: ['reg', 'delete', key, '/v', 'AircheckAgent', '/f'],
      query: ['reg', 'query', key, '/v', 'AircheckAgent'],
    });
  });
});

describe('the folders of the agent', () => {
  it('are where each platform keeps such things, or below AIRCHECK_AGENT_HOME', () => {
    const env = { APPDATA: 'C:\\Users\\ann\\AppData\\Roaming', LOCALAPPDATA: 'D:\\local' };
    expect(agentFolders({ platform: 'win32', home: 'C:\\Users\\ann', env })).toEqual({
      config: 'C:\\Users\\ann\\AppData\\Roaming\\Aircheck Agent',
      state: 'D:\\local\\Aircheck Agent',
      recordings: 'C:\\Users\\ann\\Aircheck',
    });
    expect(agentFolders({ platform: 'darwin', home: '/Users/ann', env: {} }).config).toBe(
      '/Users/ann/Library/Application Support/Aircheck Agent',
    );
    expect(agentFolders({ platform: 'linux', home: '/home/ann', env: { XDG_CONFIG_HOME: 'relative' } })).toMatchObject({
      config: '/home/ann/.config/aircheck-agent',
      state: '/home/ann/.local/state/aircheck-agent',
    });
    expect(agentFolders({ platform: 'linux', home: '/home/ann', env: { AIRCHECK_AGENT_HOME: '/x' } })).toMatchObject({
      config: '/x',
      state: '/x/state',
    });
  });
});
