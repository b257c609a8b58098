import { Button } from 'antd';
import { EmptyState } from '../../components/empty-state.tsx';
import { BroadcastIcon } from '../../components/icons.tsx';
import { Logo } from '../../components/logo.tsx';
import { useI18n } from '../../i18n/i18n.tsx';

/** Shown when the server does not answer at all. */
export function UnreachableView({ onRetry }: { onRetry: () => void }) {
  const { t } = useI18n();
  return (
    <div className="centered-page">
      <Logo />
      <EmptyState
        icon={<BroadcastIcon size={26} />}
        title={t('unreachable.title')}
        text={t('unreachable.text')}
        action={
          <Button type="primary" onClick={onRetry}>
            {t('action.retry')}
          </Button>
        }
      />
    </div>
  );
}
