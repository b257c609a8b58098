import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  compareCounters,
  type RecordingContent,
  type RunningServer,
  readRecording,
  type SentMedia,
} from '@aircheck/testkit';

/** The files of a recording, oldest first. */
export function filesOf(server: Pick<RunningServer, 'dataFolder'>, recordingId: string): string[] {
  const folder = join(server.dataFolder, 'recordings', recordingId);
  return readdirSync(folder)
    .filter((name) => /\.(mp4|webm)$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** A file held against what was sent into it. */
export interface FileCheck {
  readonly content: RecordingContent;
  /** Decoded from end to end without a complaint, every picture where it belongs. */
  readonly valid: boolean;
  readonly missingPictures: number;
  /** Sound packets sent less those in the file. */
  readonly missingSounds: number;
  /** Pictures in the file that were not sent at that place, or can't be read. */
  readonly strayPictures: number;
}

export async function checkFile(path: string, sent: SentMedia): Promise<FileCheck> {
  const content = await readRecording(path);
  const { missing, unexpected } = compareCounters(content, sent.counters);
  const sounds = content.streams.find(({ kind }) => kind === 'audio')?.packets ?? 0;
  return {
    content,
    valid: content.errors.length === 0 && content.pictures.length > 0 && unexpected.length === 0,
    missingPictures: missing.length,
    missingSounds: sent.audioPackets - sounds,
    strayPictures: unexpected.length,
  };
}
