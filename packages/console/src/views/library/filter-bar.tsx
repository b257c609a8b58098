import { Button, Dropdown, Input, Popover, Segmented, Select, Tag } from 'antd';
import { useEffect, useState } from 'react';
import { Field } from '../../components/field.tsx';
import { FilterIcon, ListIcon, RoomsIcon, SearchIcon } from '../../components/icons.tsx';
import { type LibraryKey, useLibraryI18n } from '../../i18n/library-i18n.ts';
import { hiddenFilters, type LibraryFilter, sorts, sources, states } from './asset-filter.ts';

export type Layout = 'table' | 'cards';

interface FilterBarProps {
  readonly filter: LibraryFilter;
  onFilter(filter: LibraryFilter): void;
  readonly layout: Layout;
  /** Absent where there is room for one layout only. */
  readonly onLayout?: (layout: Layout) => void;
}

const typingPauseMs = 250;

/** Search, filters, order and layout of the list. */
export function FilterBar({ filter, onFilter, layout, onLayout }: FilterBarProps) {
  const { t } = useLibraryI18n();
  const [typed, setTyped] = useState(filter.q ?? '');
  const [searched, setSearched] = useState(filter.q);
  const [open, setOpen] = useState(false);
  if (filter.q !== searched) {
    // The address has changed, by what was typed here or by something else: then the field follows it.
    setSearched(filter.q);
    if ((filter.q ?? '') !== typed.trim()) setTyped(filter.q ?? '');
  }
  useEffect(() => {
    if (typed.trim() === (filter.q ?? '')) return;
    const timer = setTimeout(() => onFilter(set(filter, 'q', typed.trim())), typingPauseMs);
    return () => clearTimeout(timer);
  }, [typed, filter, onFilter]);
  const count = hiddenFilters(filter);
  return (
    <>
      <div className="filter-bar">
        <Input
          className="search"
          prefix={<SearchIcon />}
          allowClear
          value={typed}
          maxLength={1000}
          placeholder={t('library.search')}
          aria-label={t('library.search')}
          onChange={(event) => setTyped(event.target.value)}
          data-testid="search-files"
        />
        <Popover
          trigger={['click']}
          placement="bottomLeft"
          arrow={false}
          destroyOnHidden
          open={open}
          onOpenChange={setOpen}
          content={<FilterForm filter={filter} onFilter={onFilter} onClose={() => setOpen(false)} />}
        >
          <Button icon={<FilterIcon />} data-testid="filters">
            {t('library.filters')}
            {count > 0 && <span className="count-dot">{count}</span>}
          </Button>
        </Popover>
        <div className="spacer" />
        {layout === 'cards' && (
          <Dropdown
            trigger={['click']}
            menu={{
              selectable: true,
              selectedKeys: [filter.sort ?? '-startedAt'],
              items: sorts.map((sort) => ({ key: sort, label: t(`sort.${sort}` as LibraryKey) })),
              onClick: ({ key }) =>
                onFilter(
                  set(
                    filter,
                    'sort',
                    sorts.find((sort) => sort === key),
                  ),
                ),
            }}
          >
            <Button>{t(`sort.${filter.sort ?? '-startedAt'}` as LibraryKey)}</Button>
          </Dropdown>
        )}
        {onLayout !== undefined && (
          <Segmented<Layout>
            value={layout}
            onChange={onLayout}
            options={[
              {
                value: 'table',
                icon: <ListIcon size={16} />,
                label: <span className="sr-only">{t('library.asTable')}</span>,
              },
              {
                value: 'cards',
                icon: <RoomsIcon size={16} />,
                label: <span className="sr-only">{t('library.asCards')}</span>,
              },
            ]}
          />
        )}
      </div>
      <FilterChips filter={filter} onFilter={onFilter} />
    </>
  );
}

function FilterChips({ filter, onFilter }: Pick<FilterBarProps, 'filter' | 'onFilter'>) {
  const { t } = useLibraryI18n();
  const chips: [keyof LibraryFilter, string][] = [
    ['room', `${t('facts.room')}: ${filter.room}`],
    ['user', `${t('facts.person')}: ${filter.user}`],
    ['tag', `${t('library.tag')}: ${filter.tag}`],
    ['source', `${t('asset.source')}: ${filter.source && t(`source.of.${filter.source}`)}`],
    ['state', `${t('library.state')}: ${filter.state && t(`state.${filter.state}`)}`],
    ['from', `${t('filter.from')}: ${filter.from}`],
    ['to', `${t('filter.to')}: ${filter.to}`],
  ];
  const active = chips.filter(([name]) => filter[name] !== undefined);
  if (active.length === 0) return null;
  return (
    <div className="filter-chips">
      {active.map(([name, text]) => (
        <Tag key={name} closable onClose={() => onFilter(set(filter, name, undefined))}>
          {text}
        </Tag>
      ))}
    </div>
  );
}

function FilterForm({
  filter,
  onFilter,
  onClose,
}: Pick<FilterBarProps, 'filter' | 'onFilter'> & { onClose: () => void }) {
  const { t } = useLibraryI18n();
  const [draft, setDraft] = useState(filter);
  const text = (name: 'room' | 'user' | 'tag', label: LibraryKey) => (
    <Field label={t(label)}>
      {(id) => (
        <Input
          id={id}
          allowClear
          maxLength={128}
          value={draft[name] ?? ''}
          onChange={(event) => setDraft(set(draft, name, event.target.value))}
          data-testid={`filter-${name}`}
        />
      )}
    </Field>
  );
  const day = (name: 'from' | 'to', label: LibraryKey) => (
    <Field label={t(label)}>
      {(id) => (
        <Input
          id={id}
          type="date"
          value={draft[name] ?? ''}
          onChange={(event) => setDraft(set(draft, name, event.target.value))}
        />
      )}
    </Field>
  );
  return (
    <form
      className="filter-form"
      onSubmit={(event) => {
        event.preventDefault();
        onFilter(draft);
        onClose();
      }}
    >
      {text('room', 'facts.room')}
      {text('user', 'facts.person')}
      {text('tag', 'library.tag')}
      <Field label={t('asset.source')}>
        {(id) => (
          <Select
            id={id}
            allowClear
            {...(draft.source !== undefined && { value: draft.source })}
            placeholder={t('filter.any')}
            onChange={(value) => setDraft(set(draft, 'source', value))}
            options={sources.map((value) => ({ value, label: t(`source.of.${value}`) }))}
          />
        )}
      </Field>
      {day('from', 'filter.from')}
      {day('to', 'filter.to')}
      <Field label={t('library.state')}>
        {(id) => (
          <Select
            id={id}
            allowClear
            {...(draft.state !== undefined && { value: draft.state })}
            placeholder={t('filter.any')}
            onChange={(value) => setDraft(set(draft, 'state', value))}
            options={states.map((value) => ({ value, label: t(`state.${value}`) }))}
          />
        )}
      </Field>
      <footer>
        <Button
          onClick={() => {
            onFilter({ ...only(filter, 'q'), ...only(filter, 'classId'), ...only(filter, 'sort') });
            onClose();
          }}
        >
          {t('filter.clear')}
        </Button>
        <Button type="primary" htmlType="submit" data-testid="apply-filters">
          {t('filter.apply')}
        </Button>
      </footer>
    </form>
  );
}

/** The filter with one field changed, or without it. */
function set<Name extends keyof LibraryFilter>(
  filter: LibraryFilter,
  name: Name,
  value: LibraryFilter[Name] | undefined,
): LibraryFilter {
  const { [name]: _, ...rest } = filter;
  return value === undefined || value === '' ? rest : { ...rest, [name]: value };
}

function only(filter: LibraryFilter, name: keyof LibraryFilter): LibraryFilter {
  return filter[name] === undefined ? {} : { [name]: filter[name] };
}
