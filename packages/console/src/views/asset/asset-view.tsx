import type { Asset, Derivative, Job, PlayUrls } from '@aircheck/protocol';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Select, Skeleton, Tabs } from 'antd';
import { useRef, useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { BackIcon, BanIcon } from '../../components/icons.tsx';
import { ProblemAlert, useProblemToast } from '../../components/problem.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { addressOf } from '../../router.ts';
import { isGrowing } from '../library/asset-filter.ts';
import { AssetBadges } from '../library/asset-list.tsx';
import { lastSearch } from '../library/last-search.ts';
import { useTemplates } from '../settings/use-templates.ts';
import { AssetActions } from './asset-actions.tsx';
import { ClipBar } from './clip-bar.tsx';
import { DetailsForm, detailsOf } from './details-form.tsx';
import { Facts, WholeHealth } from './facts.tsx';
import { JobsTab } from './jobs-tab.tsx';
import { PicturesTab } from './pictures-tab.tsx';
import { Player, type PlayerHandle } from './player.tsx';
import { PublishTab } from './publish-tab.tsx';
import type { Marks } from './scrub-bar.tsx';
import { SegmentsTab } from './segments-tab.tsx';
import { renditionName, type Source, sourcesOf } from './sources.ts';
import { useJobsOfFile } from './use-jobs-of-file.ts';
import { VersionsTab } from './versions-tab.tsx';
import '../../library.css';

const linkSeconds = 86_400;
const refreshMs = 3_000;

/** One file: played, described, and worked on. */
export default function AssetView({ fileId }: { fileId: string }) {
  const { t } = useLibraryI18n();
  const asset = useQuery({
    queryKey: queryKeys.asset(fileId),
    queryFn: ({ signal }) => libraryApi.asset(fileId, signal),
    refetchInterval: ({ state }) => (state.data !== undefined && isGrowing(state.data) ? refreshMs : false),
  });
  const playable = asset.data !== undefined && !asset.data.banned && ['recording', 'ready'].includes(asset.data.state);
  const urls = useQuery({
    queryKey: queryKeys.playUrls(fileId),
    queryFn: () => libraryApi.playUrls(fileId, linkSeconds),
    enabled: playable,
    staleTime: linkSeconds * 500,
    gcTime: 0,
  });
  const derivatives = useQuery({
    queryKey: queryKeys.derivatives(fileId),
    queryFn: ({ signal }) => libraryApi.derivatives(fileId, signal),
  });
  const jobs = useJobsOfFile(fileId);
  const error = asset.error ?? (playable ? urls.error : null);
  return (
    <>
      <div className="asset-head">
        <a className="back-link" href={addressOf.library(lastSearch.value)} data-testid="back-to-library">
          <BackIcon size={17} />
          {t('library.title')}
        </a>
        {asset.data !== undefined && (
          <div className="asset-title">
            <h1 className="two-lines">{asset.data.fileName}</h1>
            <AssetBadges asset={asset.data} />
          </div>
        )}
      </div>
      {error !== null && <ProblemAlert error={error} />}
      {asset.data === undefined ? (
        error === null && <Skeleton.Node active className="player-skeleton" />
      ) : (
        <Loaded
          asset={asset.data}
          urls={playable ? urls.data : undefined}
          playable={playable}
          derivatives={derivatives.data?.items ?? []}
          jobs={jobs}
        />
      )}
    </>
  );
}

interface LoadedProps {
  readonly asset: Asset;
  readonly urls: PlayUrls | undefined;
  readonly playable: boolean;
  readonly derivatives: readonly Derivative[];
  readonly jobs: readonly Job[];
}

function Loaded({ asset, urls, playable, derivatives, jobs }: LoadedProps) {
  const { t } = useLibraryI18n();
  const player = useRef<PlayerHandle>(null);
  const [marks, setMarks] = useState<Marks>({});
  const running = jobs.filter(({ state }) => state === 'waiting' || state === 'running').length;
  return (
    <div className="asset-layout" data-testid="asset-view">
      <div className="asset-main">
        {urls === undefined ? (
          playable ? (
            <Skeleton.Node active className="player-skeleton" />
          ) : (
            <NotPlayable asset={asset} />
          )
        ) : (
          <FilePlayer asset={asset} urls={urls} marks={marks} player={player} />
        )}
        {urls !== undefined && asset.state === 'ready' && (
          <ClipBar asset={asset} derivatives={derivatives} marks={marks} onMarks={setMarks} player={player} />
        )}
        <Tabs
          className="asset-tabs"
          items={[
            {
              key: 'versions',
              label: <span data-testid="tab-versions">{t('versions.title')}</span>,
              children: <VersionsTab asset={asset} urls={urls} derivatives={derivatives} jobs={jobs} />,
            },
            {
              key: 'pictures',
              label: <span data-testid="tab-pictures">{t('pictures.title')}</span>,
              disabled: asset.video === null,
              children: <PicturesTab asset={asset} urls={urls} derivatives={derivatives} jobs={jobs} />,
            },
            ...(asset.recordingId === null
              ? []
              : [
                  {
                    key: 'segments',
                    label: <span data-testid="tab-segments">{t('segments.title')}</span>,
                    children: <SegmentsTab asset={asset} recordingId={asset.recordingId} />,
                  },
                ]),
            {
              key: 'jobs',
              label: (
                <span data-testid="tab-jobs">
                  {t('jobs.title')}
                  {running > 0 && <span className="count-dot">{running}</span>}
                </span>
              ),
              children: <JobsTab jobs={jobs} />,
            },
            {
              key: 'publish',
              label: <span data-testid="tab-publish">{t('publish.title')}</span>,
              disabled: asset.state !== 'ready' || asset.banned,
              children: <PublishTab asset={asset} />,
            },
          ]}
        />
      </div>
      <div className="asset-side">
        <AssetActions asset={asset} urls={urls} />
        <section className="card">
          {/* What is being edited stays while the file grows; only a change of these very fields starts anew. */}
          <DetailsForm key={detailsOf(asset)} asset={asset} />
        </section>
        <section className="card">
          <h4>{t('facts.title')}</h4>
          <Facts asset={asset} />
        </section>
        {asset.source === 'record' && (
          <section className="card">
            <h4>{t('health.title')}</h4>
            <WholeHealth health={asset.health} />
          </section>
        )}
      </div>
    </div>
  );
}

interface FilePlayerProps {
  readonly asset: Asset;
  readonly urls: PlayUrls;
  readonly marks: Marks;
  readonly player: React.RefObject<PlayerHandle | null>;
}

function FilePlayer({ asset, urls, marks, player }: FilePlayerProps) {
  const { t } = useLibraryI18n();
  const templates = useTemplates();
  const growing = asset.state === 'recording';
  const sources = sourcesOf(asset, urls, (rendition) => renditionName(rendition, templates, t), t);
  // A file that was growing when it was opened is played over HLS to its end, also when it is finished meanwhile. What
  // plays keeps its link: a newer one would start it anew.
  const [chosen, setChosen] = useState<Source | undefined>(
    () => sources.find(({ hls }) => hls === growing) ?? sources[0],
  );
  if (chosen === undefined) return null;
  return (
    <Player
      ref={player}
      source={chosen}
      growing={growing}
      audioOnly={asset.video === null}
      poster={urls.poster}
      sprite={urls.sprite}
      marks={marks}
    >
      {sources.length > 1 && !growing && (
        <Select
          className="player-source"
          size="small"
          variant="borderless"
          popupMatchSelectWidth={false}
          placement="topRight"
          value={chosen.key}
          aria-label={t('player.source')}
          options={sources.map(({ key, label }) => ({ value: key, label }))}
          onChange={(key) => setChosen(sources.find((source) => source.key === key))}
          data-testid="player-source"
        />
      )}
    </Player>
  );
}

function NotPlayable({ asset }: { asset: Asset }) {
  const { t } = useLibraryI18n();
  const { message } = App.useApp();
  const queryClient = useQueryClient();
  const showProblem = useProblemToast();
  const unban = async () => {
    try {
      await libraryApi.updateAsset(asset.fileId, { banned: false });
      await queryClient.invalidateQueries({ queryKey: queryKeys.asset(asset.fileId) });
      void message.success(t('asset.unbanDone'));
    } catch (error) {
      showProblem(error);
    }
  };
  return (
    <div className="player player-none">
      <BanIcon size={30} />
      <p>{asset.banned ? t('asset.bannedText') : t(`notPlayable.${asset.state}` as 'notPlayable.failed')}</p>
      {asset.banned && (
        <Button onClick={unban} data-testid="unban">
          {t('asset.unban')}
        </Button>
      )}
    </div>
  );
}
