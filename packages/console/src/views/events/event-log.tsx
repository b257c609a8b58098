import type { Event, EventType } from '@aircheck/protocol';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Button, Select, Skeleton } from 'antd';
import { useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { EmptyState } from '../../components/empty-state.tsx';
import { EventsIcon, ForwardIcon } from '../../components/icons.tsx';
import { ProblemAlert } from '../../components/problem.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { singleEventTypes } from './event-types.ts';

const pageSize = 50;
const refreshMs = 5_000;

/** What happened, newest first, whether or not anybody is told. */
export function EventLog() {
  const { t } = useLibraryI18n();
  const [type, setType] = useState<EventType>();
  const filter = { ...(type !== undefined && { type }), limit: pageSize };
  const query = useInfiniteQuery({
    queryKey: queryKeys.events(filter),
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      libraryApi.events({ ...filter, ...(pageParam !== '' && { cursor: pageParam }) }, signal),
    getNextPageParam: ({ nextCursor }) => nextCursor,
    refetchInterval: refreshMs,
  });
  const events = query.data?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <div className="stack">
      <div className="filter-bar">
        <Select<EventType>
          className="type-select"
          allowClear
          {...(type !== undefined && { value: type })}
          onChange={(value) => setType(value)}
          placeholder={t('events.anyType')}
          aria-label={t('subscriber.types')}
          options={singleEventTypes.map((value) => ({ value, label: value }))}
        />
      </div>
      {query.error !== null && <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending ? (
        <Skeleton active title={false} />
      ) : events.length === 0 ? (
        <EmptyState icon={<EventsIcon size={26} />} title={t('events.emptyTitle')} text={t('events.emptyText')} />
      ) : (
        <ul className="card delivery-list">
          {events.map((event) => (
            <EventRow key={event.eventId} event={event} />
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
  );
}

function EventRow({ event }: { event: Event }) {
  const { format } = useLibraryI18n();
  const [open, setOpen] = useState(false);
  return (
    <li>
      <div className="delivery-head">
        <button type="button" className="delivery-open" aria-expanded={open} onClick={() => setOpen(!open)}>
          <span className="class-fold" data-folded={!open}>
            <ForwardIcon size={14} />
          </span>
          <span className="delivery-text">
            <b>{event.type}</b>
            <span className="muted small ellipsis figures">
              {format.exactTime(event.createdAt)} · {event.subject}
            </span>
          </span>
        </button>
      </div>
      {open && (
        <div className="delivery-log">
          <pre>{JSON.stringify(event.data, undefined, 2)}</pre>
        </div>
      )}
    </li>
  );
}
