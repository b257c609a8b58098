import type { Problem } from '@aircheck/protocol';
import type { WorkName, WorkOrders, WorkResults } from './work-orders.ts';

/*
 * What the control process and a job worker process say to each other over the IPC channel of `fork()`. A worker has one
 * order at a time; it ends with its channel, since what it does is begun again by the next run of the server.
 */

/** Control → worker. */
export type ToJobWorker =
  | {
      [N in WorkName]: {
        readonly kind: 'order';
        /** Names the order in all that is told of it. */
        readonly id: number;
        readonly name: N;
        readonly order: WorkOrders[N];
        /** Absolute path of an empty folder. */
        readonly folder: string;
      };
    }[WorkName]
  /** Nobody waits for it any more. */
  | { readonly kind: 'abort'; readonly id: number };

/** Worker → control. */
export type FromJobWorker =
  | { readonly kind: 'ready' }
  /** Also the sign of life of a work that takes long; at most a few times a second. */
  | { readonly kind: 'progress'; readonly id: number; readonly percent: number }
  | { readonly kind: 'result'; readonly id: number; readonly result: WorkResults[WorkName] }
  | { readonly kind: 'error'; readonly id: number; readonly problem: Problem };
