import { expect, test } from 'vitest';
import type { AgentClient, AgentState } from '../../src/agent/index.ts';
import { AircheckError, type Room } from '../../src/core/index.ts';
import { TypedEmitter } from '../../src/core/typed-emitter.ts';
import { AgentRecordings } from '../../src/netcall/agent-recordings.ts';

/** An agent that this page is paired with; its notices can be lost. */
class LossyAgent extends TypedEmitter<{ state: [AgentState] }> {
  readonly paired = true;
  recordings: { kind: 'mp4' | 'aac'; roomId: string; account: string }[] = [];

  async startRecordMp4({ account }: { account: string }) {
    this.recordings.push({ kind: 'mp4', roomId: 'call', account });
    return { type: 'mp4_start', account };
  }

  async stopRecordMp4() {
    throw new AircheckError('recording-not-found', 'It does not run');
  }

  comeBack(): void {
    this.emit('state', 'connected');
  }
}

const room = { roomId: 'call' } as Room;

async function recordings(agent: LossyAgent): Promise<AgentRecordings> {
  const nothing = () => {};
  const made = new AgentRecordings({
    getPairingCode: undefined,
    ports: undefined,
    connect: async () => agent as unknown as AgentClient,
    on: { mp4: nothing, aac: nothing, progress: nothing, heartBeatError: nothing, closed: nothing },
  });
  await made.startMp4(room, 'ann', 'ann.mp4');
  await made.startMp4(room, 'ben', 'ben.mp4');
  return made;
}

test('what ended while the agent was not heard does not run any more when it is heard again', async () => {
  const agent = new LossyAgent();
  const made = await recordings(agent);
  agent.recordings = agent.recordings.filter(({ account }) => account === 'ben');
  expect(made.recordsMp4(room, 'ann')).toBe(true);
  agent.comeBack();
  expect([made.recordsMp4(room, 'ann'), made.recordsMp4(room, 'ben')]).toEqual([false, true]);
});

test('what the agent does not know does not run', async () => {
  const made = await recordings(new LossyAgent());
  await expect(made.stopMp4(room, 'ann')).rejects.toMatchObject({ code: 404 });
  expect([made.recordsMp4(room, 'ann'), made.recordsMp4(room, 'ben')]).toEqual([false, true]);
});
