import type { Asset, AssetSort } from '@aircheck/protocol';
import { Button, Checkbox, Dropdown, type MenuProps, Table, type TableProps } from 'antd';
import { useCopy } from '../../components/copy.tsx';
import { HealthBadge, isDamaged } from '../../components/health-badge.tsx';
import { CopyIcon, MoreIcon } from '../../components/icons.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { addressOf, navigate } from '../../router.ts';
import { AssetCover } from './asset-cover.tsx';
import type { AssetTaskKind } from './asset-dialogs.tsx';
import { classPath } from './classes.ts';
import { useClasses } from './use-classes.ts';

interface AssetListProps {
  readonly assets: readonly Asset[];
  readonly selected: ReadonlySet<string>;
  onSelect(fileIds: ReadonlySet<string>): void;
  onTask(kind: AssetTaskKind, asset: Asset): void;
}

interface AssetTableProps extends AssetListProps {
  readonly sort: AssetSort;
  onSort(sort: AssetSort | undefined): void;
}

const sortKeys: Record<string, string> = {
  name: 'fileName',
  started: 'startedAt',
  length: 'durationMs',
  size: 'sizeBytes',
};

export function AssetTable({ assets, selected, onSelect, onTask, sort, onSort }: AssetTableProps) {
  const { t, format } = useLibraryI18n();
  const classes = useClasses();
  const sorter = (key: string) => ({
    key,
    sorter: true,
    sortOrder:
      sort.replace('-', '') !== sortKeys[key]
        ? null
        : sort.startsWith('-')
          ? ('descend' as const)
          : ('ascend' as const),
  });
  const columns: TableProps<Asset>['columns'] = [
    {
      ...sorter('name'),
      title: t('library.name'),
      render: (_, asset) => (
        <div className="asset-name">
          <AssetCover asset={asset} />
          <div className="asset-name-text">
            <a className="two-lines asset-link" href={addressOf.asset(asset.fileId)}>
              {asset.fileName}
            </a>
            <span className="muted small ellipsis">
              <Origin asset={asset} />
            </span>
            <FileIdText fileId={asset.fileId} />
          </div>
        </div>
      ),
    },
    { key: 'state', width: 132, title: t('library.state'), render: (_, asset) => <AssetBadges asset={asset} /> },
    {
      ...sorter('length'),
      width: 108,
      align: 'right',
      title: t('library.length'),
      render: (_, asset) => <span className="figures">{format.duration(asset.durationMs)}</span>,
    },
    {
      ...sorter('size'),
      width: 98,
      align: 'right',
      title: t('library.size'),
      render: (_, asset) => <span className="figures">{format.size(asset.sizeBytes)}</span>,
    },
    {
      key: 'class',
      width: 132,
      title: t('library.class'),
      render: (_, asset) => <span className="two-lines muted">{classPath(classes, asset.classId, t)}</span>,
    },
    {
      ...sorter('started'),
      width: 152,
      title: t('library.started'),
      render: (_, asset) => <span className="muted figures">{format.dateTime(asset.startedAt)}</span>,
    },
    { key: 'menu', width: 52, render: (_, asset) => <AssetMenu asset={asset} onTask={onTask} /> },
  ];
  return (
    <div className="card card-table" data-testid="assets">
      <Table<Asset>
        rowKey="fileId"
        columns={columns}
        dataSource={[...assets]}
        pagination={false}
        tableLayout="fixed"
        showSorterTooltip={false}
        onChange={(_pagination, _filters, sorted) => {
          if (Array.isArray(sorted)) return;
          const key = sortKeys[String(sorted.columnKey)];
          onSort(
            key === undefined || sorted.order == null
              ? undefined
              : (`${sorted.order === 'descend' ? '-' : ''}${key}` as AssetSort),
          );
        }}
        rowSelection={{
          columnWidth: 44,
          selectedRowKeys: [...selected],
          onChange: (keys) => onSelect(new Set(keys.map(String))),
          getCheckboxProps: (asset) => ({ 'aria-label': t('library.select', { name: asset.fileName }) }) as object,
        }}
        onRow={(asset) =>
          ({
            onClick: (event: React.MouseEvent<HTMLElement>) => {
              // Links, buttons and menus inside of the row do what they are for.
              if ((event.target as HTMLElement).closest('a, button, input, label, .ant-popover, .ant-dropdown')) return;
              navigate(addressOf.asset(asset.fileId));
            },
            className: 'asset-row',
            'data-testid': `asset-${asset.fileId}`,
          }) as React.HTMLAttributes<HTMLElement>
        }
      />
    </div>
  );
}

export function AssetCards({ assets, selected, onSelect, onTask }: AssetListProps) {
  const { t, format } = useLibraryI18n();
  const toggle = (fileId: string, on: boolean) => {
    const next = new Set(selected);
    if (on) next.add(fileId);
    else next.delete(fileId);
    onSelect(next);
  };
  return (
    <div className="asset-cards" data-selecting={selected.size > 0}>
      {assets.map((asset) => (
        <article
          key={asset.fileId}
          className="asset-card"
          data-selected={selected.has(asset.fileId)}
          data-testid={`asset-${asset.fileId}`}
        >
          <a className="asset-card-cover" href={addressOf.asset(asset.fileId)} aria-label={asset.fileName}>
            <AssetCover asset={asset} large />
          </a>
          <Checkbox
            className="asset-card-check"
            checked={selected.has(asset.fileId)}
            onChange={(event) => toggle(asset.fileId, event.target.checked)}
            aria-label={t('library.select', { name: asset.fileName })}
          />
          <div className="asset-card-text">
            <div className="asset-card-title">
              <a className="two-lines asset-link" href={addressOf.asset(asset.fileId)}>
                {asset.fileName}
              </a>
              <AssetMenu asset={asset} onTask={onTask} />
            </div>
            <span className="muted small ellipsis">
              <Origin asset={asset} />
            </span>
            <span className="muted small figures">
              {format.dateTime(asset.startedAt)} · {format.size(asset.sizeBytes)}
            </span>
            <AssetBadges asset={asset} />
          </div>
        </article>
      ))}
    </div>
  );
}

export function AssetBadges({ asset }: { asset: Asset }) {
  const { t } = useLibraryI18n();
  return (
    <span className="badges">
      {asset.banned ? (
        <span className="badge" data-tone="bad">
          {t('asset.banned')}
        </span>
      ) : (
        <StateBadge state={asset.state} />
      )}
      {isDamaged(asset.health) && <HealthBadge health={asset.health} />}
    </span>
  );
}

/** Where a file comes from: its room and person, or how it came. */
export function Origin({ asset }: { asset: Asset }) {
  const { t } = useLibraryI18n();
  const recorded = asset.source === 'record';
  const parts = [
    (!recorded || asset.roomId === null) && t(`source.of.${asset.source}`),
    // First, since it tells the files of one recording apart, and the rest may be cut off.
    recorded && asset.segmentIndex > 0 && t('library.segment', { number: asset.segmentIndex + 1 }),
    asset.roomId,
    asset.userId,
  ];
  return <>{parts.filter(Boolean).join(' · ')}</>;
}

function FileIdText({ fileId }: { fileId: string }) {
  const { t } = useLibraryI18n();
  const copy = useCopy();
  return (
    <span className="file-id">
      <code>{fileId}</code>
      <button
        type="button"
        aria-label={`${t('copy.copy')} ${fileId}`}
        title={t('copy.copy')}
        onClick={() => void copy(fileId, t('copy.done'))}
      >
        <CopyIcon size={13} />
      </button>
    </span>
  );
}

function AssetMenu({ asset, onTask }: { asset: Asset; onTask: AssetListProps['onTask'] }) {
  const { t } = useLibraryI18n();
  const entry = (kind: AssetTaskKind, more: object = {}) => ({
    key: kind,
    label: t(`task.${kind}` as 'task.rename'),
    onClick: () => onTask(kind, asset),
    ...more,
  });
  const items: MenuProps['items'] = [
    entry('rename'),
    entry('class'),
    entry('tags'),
    entry('transcode', { disabled: asset.state !== 'ready' }),
    { type: 'divider' },
    entry('delete', { danger: true, disabled: asset.state === 'recording' }),
  ];
  return (
    <Dropdown trigger={['click']} menu={{ items }} placement="bottomRight">
      <Button
        type="text"
        size="small"
        icon={<MoreIcon />}
        aria-label={t('library.actions', { name: asset.fileName })}
        data-testid={`menu-${asset.fileId}`}
      />
    </Dropdown>
  );
}
