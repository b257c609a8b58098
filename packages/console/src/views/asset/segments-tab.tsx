import type { Asset } from '@aircheck/protocol';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, type ButtonProps, Input, Modal } from 'antd';
import { useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { Field } from '../../components/field.tsx';
import { PlayIcon } from '../../components/icons.tsx';
import { ProblemAlert } from '../../components/problem.tsx';
import { useSubmit } from '../../components/use-submit.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { addressOf } from '../../router.ts';
import { isGrowing } from '../library/asset-filter.ts';
import { AssetBadges } from '../library/asset-list.tsx';
import { commonRenditions } from './common-renditions.ts';
import { Player } from './player.tsx';
import { VersionField } from './version-field.tsx';

const linkSeconds = 86_400;
const refreshMs = 3_000;

/** The files of the same recording, and how to make one of them. */
export function SegmentsTab({ asset, recordingId }: { asset: Asset; recordingId: string }) {
  const { t, format } = useLibraryI18n();
  const [asking, setAsking] = useState(false);
  const [playing, setPlaying] = useState(false);
  const filter = { recordingId, source: 'record' as const, sort: 'segmentIndex' as const, limit: 200 };
  const segments = useQuery({
    queryKey: queryKeys.assets(filter),
    queryFn: ({ signal }) => libraryApi.assets(filter, signal),
    refetchInterval: ({ state }) => (state.data?.items.some(isGrowing) === true ? refreshMs : false),
  });
  const items = segments.data?.items ?? [];
  // What has nothing in it is left out of a joined file.
  const joined = items.filter(({ state }) => state !== 'failed');
  return (
    <div className="stack">
      {segments.error !== null && <ProblemAlert error={segments.error} />}
      <ol className="version-list">
        {items.map((segment) => (
          <li key={segment.fileId} className="version-row" data-current={segment.fileId === asset.fileId}>
            <span className="segment-number figures">{segment.segmentIndex + 1}</span>
            <div className="version-text">
              <a className="ellipsis asset-link" href={addressOf.asset(segment.fileId)}>
                {segment.fileName}
              </a>
              <span className="muted small figures">
                {format.dateTime(segment.startedAt)} · {format.duration(segment.durationMs)} ·{' '}
                {format.size(segment.sizeBytes)}
              </span>
            </div>
            <AssetBadges asset={segment} />
          </li>
        ))}
      </ol>
      <div className="row">
        <Button
          icon={<PlayIcon size={16} />}
          disabled={items.length < 2}
          onClick={() => setPlaying(true)}
          data-testid="play-segments"
        >
          {t('segments.play')}
        </Button>
        <Button
          disabled={joined.length < 2 || joined.some(({ state }) => state !== 'ready')}
          onClick={() => setAsking(true)}
          data-testid="join-segments"
        >
          {t('segments.join')}
        </Button>
        {items.length < 2 && <span className="muted small">{t('segments.only')}</span>}
      </div>
      {playing && (
        <PlayDialog
          recordingId={recordingId}
          growing={items.some(({ state }) => state === 'recording')}
          audioOnly={items.every(({ video }) => video === null)}
          onClose={() => setPlaying(false)}
        />
      )}
      {asking && (
        <JoinDialog asset={asset} recordingId={recordingId} segments={joined} onClose={() => setAsking(false)} />
      )}
    </div>
  );
}

interface PlayDialogProps {
  readonly recordingId: string;
  readonly growing: boolean;
  readonly audioOnly: boolean;
  onClose(): void;
}

function PlayDialog({ recordingId, growing, audioOnly, onClose }: PlayDialogProps) {
  const { t } = useLibraryI18n();
  const urls = useQuery({
    queryKey: queryKeys.recordingPlayUrls(recordingId),
    queryFn: () => libraryApi.recordingPlayUrls(recordingId, linkSeconds),
    // A new link would start the player anew.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const hls = urls.data?.hls;
  return (
    <Modal open width={860} title={t('segments.play')} footer={null} onCancel={onClose} destroyOnHidden>
      {urls.error !== null && <ProblemAlert error={urls.error} />}
      {hls === null && <p className="muted">{t('segments.noHls')}</p>}
      {hls != null && <RecordingPlayer url={hls} growing={growing} audioOnly={audioOnly} />}
    </Modal>
  );
}

function RecordingPlayer({ url, growing, audioOnly }: { url: string; growing: boolean; audioOnly: boolean }) {
  const [source] = useState({ url, hls: true });
  return <Player source={source} growing={growing} audioOnly={audioOnly} />;
}

interface JoinDialogProps {
  readonly asset: Asset;
  readonly recordingId: string;
  readonly segments: readonly Asset[];
  onClose(): void;
}

function JoinDialog({ asset, recordingId, segments, onClose }: JoinDialogProps) {
  const { t } = useLibraryI18n();
  const { message } = App.useApp();
  const queryClient = useQueryClient();
  const [name, setName] = useState(t('segments.joinedName', { name: asset.fileName }));
  const [definition, setDefinition] = useState<number>();
  const renditions = useQuery({
    queryKey: queryKeys.commonRenditions(recordingId),
    queryFn: ({ signal }) =>
      commonRenditions(
        segments.map(({ fileId }) => fileId),
        async (fileId) => (await libraryApi.derivatives(fileId, signal)).items,
      ),
    gcTime: 0,
  });
  const join = useSubmit(async () => {
    await libraryApi.createJob({
      type: 'concat',
      recordingId,
      ...(definition !== undefined && { definition }),
      fileName: name.trim(),
      classId: asset.classId,
      tags: asset.tags,
    });
    void message.info(t('segments.begun'));
    await queryClient.invalidateQueries({ queryKey: ['jobs'] });
    onClose();
  });
  return (
    <Modal
      open
      width={460}
      title={t('segments.join')}
      okText={t('segments.ok')}
      cancelText={t('action.cancel')}
      okButtonProps={{ loading: join.busy, disabled: name.trim() === '', 'data-testid': 'join-ok' } as ButtonProps}
      onOk={join.submit}
      onCancel={onClose}
    >
      <div className="stack">
        {join.problem}
        <Field label={t('library.name')} hint={t('segments.hint')}>
          {(id) => (
            <Input id={id} autoFocus value={name} maxLength={1000} onChange={(event) => setName(event.target.value)} />
          )}
        </Field>
        <VersionField renditions={renditions.data ?? []} value={definition} onChange={setDefinition} />
      </div>
    </Modal>
  );
}
