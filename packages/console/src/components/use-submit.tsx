import { type ReactNode, useState } from 'react';
import { ProblemAlert } from './problem.tsx';

export interface Submit {
  /** It is under way. */
  readonly busy: boolean;
  /** What kept it from being done, to be shown in the form; null when nothing did. */
  readonly problem: ReactNode;
  readonly submit: () => Promise<void>;
}

/** What the button of a form or a dialog does. */
export function useSubmit(action: () => Promise<void>): Submit {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  return {
    busy,
    problem: error === undefined ? null : <ProblemAlert error={error} />,
    submit: async () => {
      setBusy(true);
      setError(undefined);
      try {
        await action();
      } catch (problem) {
        setError(problem);
      }
      setBusy(false);
    },
  };
}
