import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { commands } from '../src/commands.ts';
import { textsFor } from '../src/console/index.ts';
import { AgentLock, agentFolders, Pairings, Settings } from '../src/settings/index.ts';
import { folderForTest } from './room-fixture.ts';

function computerForTest() {
  const home = folderForTest();
  const computer = { platform: 'linux', home, env: {} } as const;
  const folders = agentFolders(computer);
  const run = (...words: string[]) => runAs('/opt/aircheck-agent/aircheck-agent.cjs', ...words);
  const runAs = async (program: string, ...words: string[]) => {
    const [name = '', ...rest] = words;
    return (await commands[name]!(rest, { computer, folders, texts: textsFor('en'), program })).join('\n');
  };
  return { home, folders, run, runAs };
}

describe('the commands of the agent', () => {
  it('show a code that pairs one page, and take the pairing back', async () => {
    const { folders, run } = computerForTest();
    const code = /\d{4}-\d{4}/.exec(await run('pair'))![0];
    const pairings = new Pairings(folders);
    pairings.pair('https://meet.example.org', code);
    expect(await run('status')).toContain('Pages: https://meet.example.org');
    expect(await run('forget', 'https://MEET.example.org/room')).toBe('https://meet.example.org is allowed no more.');
    expect(pairings.secretOf('https://meet.example.org')).toBeUndefined();
    expect(await run('forget', 'https://meet.example.org')).toBe('https://meet.example.org was not allowed.');
  });

  it('keep what is secret to the user', async () => {
    const { folders, run } = computerForTest();
    await run('allow', 'https://meet.example.org');
    new Pairings(folders).pair('https://meet.example.org', /\d{4}-\d{4}/.exec(await run('pair'))![0]);
    for (const folder of [folders.config, folders.state]) {
      for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o077).toBe(0);
    }
  });

  it('allow folders by their real path, and make them', async () => {
    const { home, run } = computerForTest();
    expect(await run('folder')).toBe(join(home, 'Aircheck'));
    const talks = join(home, 'new/talks');
    expect(await run('folder', talks)).toContain(talks);
    symlinkSync(talks, join(home, 'link'));
    await run('folder', join(home, 'link'));
    expect(await run('folder')).toBe(talks);
    await expect(run('folder', '/dev/null/x')).rejects.toMatchObject({ code: 'request-invalid' });
    expect(await run('forget', talks)).toContain('is allowed no more');
    expect(await run('folder')).toBe(join(home, 'Aircheck'));
  });

  it('list origins as browsers write them', async () => {
    const { folders, run } = computerForTest();
    expect(await run('allow')).toBe('any, once it is paired');
    await run('allow', 'HTTPS://Meet.Example.org:443/x');
    await run('allow', 'https://meet.example.org');
    expect(new Settings(folders).allowedOrigins).toEqual(['https://meet.example.org']);
    await expect(run('allow', 'meet.example.org')).rejects.toMatchObject({ code: 'request-invalid', input: 'origin' });
    await expect(run('allow', 'file:///x')).rejects.toMatchObject({ code: 'request-invalid' });
  });

  it('switch the start with the session', async () => {
    const { home, run, runAs } = computerForTest();
    const entry = join(home, '.config/autostart/aircheck-agent.desktop');
    expect(await run('autostart')).toBe('off');
    expect(await run('autostart', 'on')).toContain(entry);
    expect(readFileSync(entry, 'utf8')).toContain(
      `Exec="${process.execPath}" "/opt/aircheck-agent/aircheck-agent.cjs" "run"`,
    );
    expect(await run('autostart')).toBe('on');
    await run('autostart', 'off');
    expect(existsSync(entry)).toBe(false);
    await expect(run('autostart', 'maybe')).rejects.toMatchObject({ code: 'request-invalid' });
    const cached = '/home/ann/.npm/_npx/1a2b/node_modules/aircheck-agent/aircheck-agent.cjs';
    await expect(runAs(cached, 'autostart', 'on')).rejects.toMatchObject({
      code: 'request-invalid',
      hint: expect.stringContaining('npm install -g'),
    });
    expect(existsSync(entry)).toBe(false);
  });
});

describe('the program as it is installed', () => {
  it('says in one line that Node is too old for it', () => {
    const folder = folderForTest();
    copyFileSync(new URL('../aircheck-agent.cjs', import.meta.url), join(folder, 'aircheck-agent.cjs'));
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ engines: { node: '>=999' } }));
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, 'aircheck-agent.cjs')], {
      encoding: 'utf8',
    });
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toBe(
      `aircheck-agent: needs Node 999 or newer, and this is ${process.versions.node}: https://nodejs.org\n`,
    );
  });
});

describe('the lock of an agent', () => {
  it('is held while the agent answers on its port, and no longer', async () => {
    const { folders, run } = computerForTest();
    const { agentId } = new Settings(folders);
    const lock = new AgentLock(folders.state, agentId);
    await lock.take();
    // Between the lock and the door another start is held off by the process alone; this one is its own.
    const door = createServer((_request, response) =>
      response.end(JSON.stringify({ name: 'aircheck-agent', agentId })),
    );
    onTestFinished(() => void door.close());
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
    const { port } = door.address() as AddressInfo;
    lock.opened(port);
    expect(await run('status')).toContain(`process ${process.pid}, port ${port}`);
    await expect(new AgentLock(folders.state, agentId).take()).rejects.toMatchObject({ code: 'data-locked' });
    // Another agent's port, or another program's: the lock is one that a crash left.
    await new AgentLock(folders.state, 'another').take();
    lock.release();
    expect(await run('status')).toContain('does not run');
  });

  it('is not taken from an agent that is slow to answer, but from one that is gone', async () => {
    const slow = createServer(() => {});
    onTestFinished(() => {
      slow.close();
      slow.closeAllConnections();
    });
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const { port } = slow.address() as AddressInfo;
    const take = async (pid: number) => {
      const { folders } = computerForTest();
      const lock = new AgentLock(folders.state, 'this');
      const path = join(folders.state, 'agent.json');
      writeFileSync(path, JSON.stringify({ pid, port }));
      await lock.take();
      expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ pid: process.pid, port: 0 });
      lock.release();
    };
    const gone = spawnSync(process.execPath, ['--version']).pid;
    await Promise.all([expect(take(process.ppid)).rejects.toMatchObject({ code: 'data-locked' }), take(gone)]);
  });

  it('is held by one of many that find a lock that a crash left', async () => {
    const { folders } = computerForTest();
    for (let round = 0; round < 20; round++) {
      const locks = Array.from({ length: 8 }, () => new AgentLock(folders.state, 'this'));
      const stale = { pid: 1, port: 1 };
      writeFileSync(join(folders.state, 'agent.json'), JSON.stringify(stale));
      const taken = await Promise.allSettled(locks.map((lock) => lock.take()));
      expect(taken.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(readdirSync(folders.state)).toEqual(['agent.json']);
      for (const lock of locks) lock.release();
    }
  });
});
