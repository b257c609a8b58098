export type {
  Commit,
  ControlContext,
  ControlRun,
  FinishedHandler,
  InternalInputs,
  InternalJob,
  InternalRequest,
  InternalType,
  Outcome,
} from './internal-jobs.ts';
export { Jobs, type JobsOptions } from './jobs.ts';
export { convertProcedure, processSpec } from './recording-process.ts';
export { type DerivingRequest, definitionOf } from './results.ts';
export { registerJobRoutes } from './routes.ts';
export type { MediaFacts } from './work-orders.ts';
