import type { Asset, Recording } from '@aircheck/protocol';
import { useI18n } from '../i18n/i18n.tsx';

type State = Recording['state'] | Asset['state'];

const tones: Record<State, 'rec' | 'wait' | 'ok' | 'bad' | 'none'> = {
  starting: 'wait',
  recording: 'rec',
  paused: 'wait',
  finalizing: 'wait',
  interrupted: 'wait',
  ready: 'ok',
  failed: 'bad',
  recycled: 'none',
  deleting: 'wait',
};

/** The state of a recording or file as a word with a dot. */
export function StateBadge({ state }: { state: State }) {
  const { t } = useI18n();
  return (
    <span className="badge" data-tone={tones[state]} data-state={state}>
      <span className="badge-dot" />
      {t(`state.${state}`)}
    </span>
  );
}
