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
  /** Complaints of the decoders. */
  readonly errors: readonly string[];
  /** Decoded from end to end without a complaint, every picture where it belongs. */
  readonly valid: boolean;
  readonly missingPictures: number;
  /** Sound packets sent less those in the file. */
  readonly missingSounds: number;
  /** Pictures in the file that were not sent at that place, or can't be read. */
  readonly strayPictures: number;
}

/** @param paths - of one recording, oldest first; `content` is that of the first one */
export async function checkFiles(paths: readonly string[], sent: SentMedia): Promise<FileCheck> {
  const contents = await Promise.all(paths.map((path) => readRecording(path)));
  const pictures = contents.flatMap((content) => content.pictures);
  const errors = contents.flatMap((content) => content.errors);
  const { missing, unexpected } = compareCounters({ pictures }, sent.counters);
  const sounds = contents
    .flatMap(({ streams }) => streams.find(({ kind }) => kind === 'audio')?.packets ?? 0)
    .reduce((sum, packets) => sum + packets, 0);
  return {
    content: contents[0]!,
    errors,
    valid: errors.length === 0 && pictures.length > 0 && unexpected.length === 0,
    missingPictures: missing.length,
    missingSounds: sent.audioPackets - sounds,
    strayPictures: unexpected.length,
  };
}

export function checkFile(path: string, sent: SentMedia): Promise<FileCheck> {
  return checkFiles([path], sent);
}
