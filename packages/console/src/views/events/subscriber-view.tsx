import type { Delivery, DeliveryState, Subscriber } from '@aircheck/protocol';
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Segmented, Skeleton } from 'antd';
import { useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { CopyField } from '../../components/copy.tsx';
import { EmptyState } from '../../components/empty-state.tsx';
import { BackIcon, EventsIcon, ForwardIcon, RedoIcon } from '../../components/icons.tsx';
import { ProblemAlert, useProblemToast } from '../../components/problem.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { addressOf, navigate } from '../../router.ts';
import { queueKinds } from './event-types.ts';
import { EnabledSwitch } from './events-view.tsx';
import { ReplayDialog } from './replay-dialog.tsx';
import { SubscriberDialog } from './subscriber-dialog.tsx';

const pageSize = 50;
const refreshMs = 2_000;
const states: readonly DeliveryState[] = ['pending', 'delivered', 'failed', 'skipped'];
const tones: Record<DeliveryState, string> = { pending: 'wait', delivered: 'ok', failed: 'bad', skipped: 'none' };

/** One subscriber, and every delivery to it with all of its attempts. */
export function SubscriberView({ subscriber }: { subscriber: Subscriber }) {
  const { t } = useLibraryI18n();
  const { message, modal } = App.useApp();
  const queryClient = useQueryClient();
  const showProblem = useProblemToast();
  const [dialog, setDialog] = useState<'edit' | 'replay'>();
  const [testing, setTesting] = useState(false);
  const [state, setState] = useState<DeliveryState>();
  const { subscriberId, name, kind, url, types } = subscriber;
  const filter = { subscriberId, ...(state !== undefined && { state }), limit: pageSize };
  const query = useInfiniteQuery({
    queryKey: queryKeys.deliveries(filter),
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      libraryApi.deliveries({ ...filter, ...(pageParam !== '' && { cursor: pageParam }) }, signal),
    getNextPageParam: ({ nextCursor }) => nextCursor,
    refetchInterval: refreshMs,
  });
  const deliveries = query.data?.pages.flatMap(({ items }) => items) ?? [];
  const refresh = () => queryClient.invalidateQueries({ queryKey: ['deliveries'] });
  const test = async () => {
    setTesting(true);
    try {
      await libraryApi.testSubscriber(subscriberId);
      void message.success(t('subscriber.tested'));
    } catch (error) {
      showProblem(error);
    }
    await refresh();
    setTesting(false);
  };
  const retry = async (deliveryId: string) => {
    try {
      await libraryApi.retryDelivery(deliveryId);
      void message.success(t('deliveries.retried'));
    } catch (error) {
      showProblem(error);
    }
    await refresh();
  };
  const askToDelete = () =>
    modal.confirm({
      title: t('subscriber.deleteTitle', { name }),
      content: t('subscriber.deleteText'),
      okText: t('action.delete'),
      cancelText: t('action.cancel'),
      okButtonProps: { danger: true },
      onOk: async () => {
        try {
          await libraryApi.deleteSubscriber(subscriberId);
          navigate(addressOf.events());
        } catch (error) {
          showProblem(error);
        }
        await queryClient.invalidateQueries({ queryKey: queryKeys.subscribers });
      },
    });
  return (
    <>
      <div className="page-head">
        <div>
          <a className="back-link" href={addressOf.events()}>
            <BackIcon size={17} />
            {t('events.title')}
          </a>
          <h1 className="two-lines">{name}</h1>
          <p className="muted">
            {t(`subscriberKind.${kind}`)} · {types.includes('*') ? t('subscriber.all') : types.join(', ')}
          </p>
        </div>
        <div className="row">
          <EnabledSwitch subscriber={subscriber} />
          <Button loading={testing} onClick={test} data-testid="test-subscriber">
            {t('subscriber.test')}
          </Button>
          <Button onClick={() => setDialog('replay')}>{t('replay.title')}</Button>
          <Button onClick={() => setDialog('edit')}>{t('action.edit')}</Button>
          <Button danger onClick={askToDelete}>
            {t('action.delete')}
          </Button>
        </div>
      </div>
      <div className="stack">
        {url !== null ? (
          <CopyField label={t('subscriber.url')} value={url} />
        ) : (
          queueKinds.includes(kind) &&
          kind === 'queue' && (
            <CopyField
              label={t('subscriber.pullFrom')}
              value={`POST ${window.location.origin}/v1/subscribers/${subscriberId}/pull`}
            />
          )
        )}
        <div className="filter-bar">
          <h2 className="section-title">{t('deliveries.title')}</h2>
          <div className="spacer" />
          <Segmented<DeliveryState | 'all'>
            className="scrolling"
            value={state ?? 'all'}
            onChange={(value) => setState(value === 'all' ? undefined : value)}
            options={[
              { value: 'all', label: t('filter.all') },
              ...states.map((value) => ({ value, label: t(`deliveryState.${value}`) })),
            ]}
          />
        </div>
        {query.error !== null && <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />}
        {query.isPending ? (
          <Skeleton active title={false} />
        ) : deliveries.length === 0 ? (
          <EmptyState
            icon={<EventsIcon size={26} />}
            title={t('deliveries.emptyTitle')}
            text={t('deliveries.emptyText')}
          />
        ) : (
          <ul className="card delivery-list" data-testid="deliveries">
            {deliveries.map((delivery) => (
              <DeliveryRow
                key={delivery.deliveryId}
                delivery={delivery}
                onRetry={() => void retry(delivery.deliveryId)}
              />
            ))}
          </ul>
        )}
        {query.hasNextPage && (
          <div className="load-more">
            <Button loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              {t('action.more')}
            </Button>
          </div>
        )}
      </div>
      {dialog === 'edit' && <SubscriberDialog subscriber={subscriber} onClose={() => setDialog(undefined)} />}
      {dialog === 'replay' && <ReplayDialog subscriberId={subscriberId} onClose={() => setDialog(undefined)} />}
    </>
  );
}

function DeliveryRow({ delivery, onRetry }: { delivery: Delivery; onRetry: () => void }) {
  const { t, format } = useLibraryI18n();
  const [open, setOpen] = useState(false);
  const { type, subject, state, attempts, createdAt, nextAttemptAt } = delivery;
  // The list has the last attempt only.
  const whole = useQuery({
    queryKey: ['delivery', delivery.deliveryId, attempts],
    queryFn: ({ signal }) => libraryApi.delivery(delivery.deliveryId, signal),
    enabled: open,
    placeholderData: delivery,
  });
  const log = whole.data?.log ?? delivery.log;
  return (
    <li data-testid="delivery" data-state={state} data-type={type}>
      <div className="delivery-head">
        <button type="button" className="delivery-open" aria-expanded={open} onClick={() => setOpen(!open)}>
          <span className="class-fold" data-folded={!open}>
            <ForwardIcon size={14} />
          </span>
          <span className="delivery-text">
            <b>{type}</b>
            <span className="muted small ellipsis figures">
              {format.exactTime(createdAt)} · {subject}
            </span>
          </span>
        </button>
        <span className="badge" data-tone={tones[state]}>
          <span className="badge-dot" />
          {t(`deliveryState.${state}`)}
        </span>
        <Button
          type="text"
          size="small"
          icon={<RedoIcon size={16} />}
          title={t('deliveries.retry')}
          aria-label={`${t('deliveries.retry')} ${type}`}
          onClick={onRetry}
        />
      </div>
      {open && (
        <div className="delivery-log" data-testid="attempts">
          {nextAttemptAt !== null && state === 'pending' && (
            <p className="muted small">{t('deliveries.next', { time: format.exactTime(nextAttemptAt) })}</p>
          )}
          {log.length === 0 && (
            <p className="muted small">{t(attempts === 0 ? 'deliveries.none' : 'deliveries.noLog')}</p>
          )}
          <ol>
            {log.map((attempt) => (
              <li key={`${attempt.attempt}-${attempt.at}`}>
                <span className="figures muted small">
                  #{attempt.attempt} · {format.exactTime(attempt.at)} · {format.milliseconds(attempt.latencyMs)}
                </span>
                <span className="badge" data-tone={attempt.status !== null && attempt.status < 300 ? 'ok' : 'bad'}>
                  {attempt.status ?? t('deliveries.noAnswer')}
                </span>
                {attempt.error !== null && <span className="job-error small">{attempt.error}</span>}
                {attempt.answer !== '' && <pre>{attempt.answer}</pre>}
              </li>
            ))}
          </ol>
        </div>
      )}
    </li>
  );
}
