import { type Clock, systemClock } from '../../src/clock.ts';
import type { Database } from '../../src/db/index.ts';
import { Outbox } from '../../src/events/index.ts';
import { Library, type LibraryOptions } from '../../src/library/index.ts';

/** A library over a database, for tests of what is not its deletion: removals are not carried out. */
export function makeLibrary(
  db: Database,
  clock: Clock = systemClock,
  enqueueRemoval: LibraryOptions['enqueueRemoval'] = async () => {},
): Library {
  return new Library({ db, outbox: new Outbox(clock), clock, enqueueRemoval });
}
