import type { Subscriber } from '@aircheck/protocol';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Button, Skeleton, Switch, Tabs } from 'antd';
import { useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { EmptyState } from '../../components/empty-state.tsx';
import { EventsIcon, PlusIcon } from '../../components/icons.tsx';
import { ProblemAlert, useProblemToast } from '../../components/problem.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { addressOf } from '../../router.ts';
import { EventLog } from './event-log.tsx';
import { SubscriberDialog } from './subscriber-dialog.tsx';
import { SubscriberView } from './subscriber-view.tsx';
import '../../library.css';

const refreshMs = 5_000;

/** Who is told of what happens, and what was told. */
export default function EventsView({ subscriberId }: { subscriberId: string | undefined }) {
  const { t } = useLibraryI18n();
  const [creating, setCreating] = useState(false);
  const subscribers = useQuery({
    queryKey: queryKeys.subscribers,
    queryFn: ({ signal }) => libraryApi.subscribers(signal),
    refetchInterval: refreshMs,
  });
  const items = subscribers.data?.items ?? [];
  const chosen = items.find((one) => one.subscriberId === subscriberId);
  if (chosen !== undefined) return <SubscriberView key={chosen.subscriberId} subscriber={chosen} />;
  return (
    <>
      <div className="page-head">
        <div>
          <h1>{t('events.title')}</h1>
          <p className="muted">{t('events.subtitle')}</p>
        </div>
        <Button type="primary" icon={<PlusIcon />} onClick={() => setCreating(true)} data-testid="new-subscriber">
          {t('subscriber.new')}
        </Button>
      </div>
      {subscribers.error !== null && (
        <ProblemAlert error={subscribers.error} onRetry={() => void subscribers.refetch()} />
      )}
      <Tabs
        items={[
          {
            key: 'subscribers',
            label: t('subscriber.many'),
            children: subscribers.isPending ? (
              <Skeleton active title={false} />
            ) : items.length === 0 ? (
              subscribers.error === null && (
                <EmptyState
                  icon={<EventsIcon size={26} />}
                  title={t('subscriber.emptyTitle')}
                  text={t('subscriber.emptyText')}
                />
              )
            ) : (
              <ul className="card-grid">
                {items.map((subscriber) => (
                  <SubscriberCard key={subscriber.subscriberId} subscriber={subscriber} />
                ))}
              </ul>
            ),
          },
          { key: 'events', label: <span data-testid="tab-events">{t('events.log')}</span>, children: <EventLog /> },
        ]}
      />
      {creating && <SubscriberDialog onClose={() => setCreating(false)} />}
    </>
  );
}

function SubscriberCard({ subscriber }: { subscriber: Subscriber }) {
  const { t } = useLibraryI18n();
  const { subscriberId, name, kind, url, types, pending, failed, enabled } = subscriber;
  return (
    <li className="card subscriber-card" data-testid={`subscriber-${subscriberId}`}>
      <div className="row">
        <a className="asset-link ellipsis subscriber-name" href={addressOf.events(subscriberId)}>
          {name}
        </a>
        <div className="spacer" />
        <EnabledSwitch subscriber={subscriber} />
      </div>
      <span className="badge">{t(`subscriberKind.${kind}`)}</span>
      {url === null ? (
        <span className="muted small">{t('subscriber.fetched')}</span>
      ) : (
        <code className="ellipsis">{url}</code>
      )}
      <span className="muted small two-lines">{types.includes('*') ? t('subscriber.all') : types.join(', ')}</span>
      <footer className="badges">
        {!enabled && <span className="badge">{t('subscriber.off')}</span>}
        <span className="badge" data-tone={pending > 0 ? 'wait' : 'none'}>
          {t('subscriber.pending', { count: pending })}
        </span>
        {failed > 0 && (
          <span className="badge" data-tone="bad">
            {t('subscriber.failed', { count: failed })}
          </span>
        )}
      </footer>
    </li>
  );
}

export function EnabledSwitch({ subscriber }: { subscriber: Subscriber }) {
  const { t } = useLibraryI18n();
  const queryClient = useQueryClient();
  const showProblem = useProblemToast();
  const [busy, setBusy] = useState(false);
  const set = async (enabled: boolean) => {
    setBusy(true);
    try {
      await libraryApi.updateSubscriber(subscriber.subscriberId, { enabled });
    } catch (error) {
      showProblem(error);
    }
    await queryClient.invalidateQueries({ queryKey: queryKeys.subscribers });
    setBusy(false);
  };
  return (
    <Switch
      checked={subscriber.enabled}
      loading={busy}
      onChange={(enabled) => void set(enabled)}
      aria-label={t('subscriber.enabled')}
    />
  );
}
