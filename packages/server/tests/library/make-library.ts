import { type Clock, systemClock } from '../../src/clock.ts';
import type { Database } from '../../src/db/index.ts';
import { Outbox } from '../../src/events/index.ts';
import { Library, type LibraryOptions, type MediaRoutesOptions } from '../../src/library/index.ts';
import { RecordingStore } from '../../src/recording/recording-store.ts';
import { isFinal } from '../../src/recording/states.ts';

/** A library over a database, for tests of what is not its deletion: removals are not carried out. */
export function makeLibrary(
  db: Database,
  clock: Clock = systemClock,
  enqueueRemoval: LibraryOptions['enqueueRemoval'] = async () => {},
): Library {
  return new Library({ db, outbox: new Outbox(clock), clock, enqueueRemoval });
}

/** What players are told of the recordings in a database, without the media workers that bring them about. */
export function recordingsOf(db: Database, clock: Clock = systemClock): MediaRoutesOptions['recording'] {
  const store = new RecordingStore(db, makeLibrary(db, clock), new Outbox(clock));
  return async (recordingId) => {
    const { app_id: appId, state } = await store.requireRow(recordingId);
    return { appId, ended: isFinal(state as Parameters<typeof isFinal>[0]) };
  };
}
