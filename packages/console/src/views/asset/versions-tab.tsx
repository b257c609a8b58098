import type { Asset, Derivative, Job, PlayUrls } from '@aircheck/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { App, Button, Progress, Tooltip } from 'antd';
import { useState } from 'react';
import { codecName } from '../../components/codec-names.ts';
import { useCopy } from '../../components/copy.tsx';
import { CopyIcon, DownloadIcon, PlusIcon, TrashIcon } from '../../components/icons.tsx';
import { useProblemToast } from '../../components/problem.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { jobName } from '../jobs/job-texts.ts';
import { AssetDialog } from '../library/asset-dialogs.tsx';
import { useTemplates } from '../settings/use-templates.ts';
import { renditionName } from './sources.ts';

interface TabProps {
  readonly asset: Asset;
  readonly urls: PlayUrls | undefined;
  readonly derivatives: readonly Derivative[];
  readonly jobs: readonly Job[];
}

/** The original and the renditions, with what is being made. */
export function VersionsTab({ asset, urls, derivatives, jobs }: TabProps) {
  const { t, format } = useLibraryI18n();
  const templates = useTemplates();
  const [asking, setAsking] = useState(false);
  const renditions = derivatives.filter(({ kind }) => kind === 'rendition');
  const running = jobs.filter(
    ({ type, state }) => (type === 'transcode' || type === 'aac') && (state === 'waiting' || state === 'running'),
  );
  const media = ({ video, audio }: Pick<Asset, 'video' | 'audio'>) =>
    [
      video && `${codecName(video.codec)} ${video.width}×${video.height} · ${format.bitrate(video.bitrateBps)}`,
      audio && codecName(audio.codec),
    ]
      .filter(Boolean)
      .join(' · ');
  return (
    <div className="stack">
      <ul className="version-list">
        <VersionRow
          name={t('player.original')}
          text={media(asset)}
          sizeBytes={asset.sizeBytes}
          url={urls?.mp4}
          hls={urls?.hls ?? null}
        />
        {renditions.map((rendition) => {
          const links = urls?.renditions.find(({ derivativeId }) => derivativeId === rendition.derivativeId);
          const { info } = rendition;
          return (
            <VersionRow
              key={rendition.derivativeId}
              name={renditionName(rendition, templates, t)}
              text={media({ video: info.video ?? null, audio: info.audio ?? null })}
              sizeBytes={rendition.sizeBytes}
              url={links?.url}
              hls={links?.hls ?? null}
              derivative={rendition}
            />
          );
        })}
        {running.map((job) => (
          <li key={job.jobId} className="version-row" data-testid="rendition-running">
            <div className="version-text">
              <b>{jobName(job, t)}</b>
              <Progress percent={Math.round(job.progress)} size="small" />
            </div>
          </li>
        ))}
      </ul>
      <div>
        <Button
          icon={<PlusIcon />}
          disabled={asset.state !== 'ready'}
          onClick={() => setAsking(true)}
          data-testid="transcode"
        >
          {t('task.transcode')}
        </Button>
      </div>
      {asking && <AssetDialog task={{ kind: 'transcode', assets: [asset] }} onClose={() => setAsking(false)} />}
    </div>
  );
}

interface VersionRowProps {
  readonly name: string;
  readonly text: string;
  readonly sizeBytes: number;
  readonly url: string | undefined;
  readonly hls: string | null;
  readonly derivative?: Derivative;
}

function VersionRow({ name, text, sizeBytes, url, hls, derivative }: VersionRowProps) {
  const { t, format } = useLibraryI18n();
  const copy = useCopy();
  return (
    <li
      className="version-row"
      {...(derivative !== undefined && { 'data-testid': `rendition-${derivative.derivativeId}` })}
    >
      <div className="version-text">
        <b>{name}</b>
        <span className="muted small">{[text, format.size(sizeBytes)].filter(Boolean).join(' · ')}</span>
      </div>
      <Button
        size="small"
        icon={<CopyIcon size={15} />}
        disabled={url === undefined}
        onClick={() => void copy(url ?? '', t('player.copied'))}
      >
        {t('versions.link')}
      </Button>
      {hls !== null && (
        <Button size="small" icon={<CopyIcon size={15} />} onClick={() => void copy(hls, t('player.copied'))}>
          HLS
        </Button>
      )}
      <Button
        size="small"
        type="text"
        icon={<DownloadIcon size={16} />}
        aria-label={`${t('player.download')} ${name}`}
        href={url ?? ''}
        disabled={url === undefined}
        download
      />
      {derivative !== undefined && <DeleteDerivative derivative={derivative} name={name} />}
    </li>
  );
}

/** Takes a rendition or picture away, after a question. */
export function DeleteDerivative({ derivative, name }: { derivative: Derivative; name: string }) {
  const { t } = useLibraryI18n();
  const { modal } = App.useApp();
  const queryClient = useQueryClient();
  const showProblem = useProblemToast();
  const { fileId, derivativeId } = derivative;
  const ask = () =>
    modal.confirm({
      title: t('versions.deleteTitle', { name }),
      content: t('versions.deleteText'),
      okText: t('action.delete'),
      cancelText: t('action.cancel'),
      okButtonProps: { danger: true },
      onOk: async () => {
        try {
          await libraryApi.deleteDerivative(fileId, derivativeId);
        } catch (error) {
          showProblem(error);
        }
        for (const key of ['derivatives', 'play-urls', 'asset']) {
          await queryClient.invalidateQueries({ queryKey: [key, fileId] });
        }
      },
    });
  return (
    <Tooltip title={t('action.delete')}>
      <Button
        size="small"
        type="text"
        danger
        icon={<TrashIcon size={16} />}
        aria-label={`${t('action.delete')} ${name}`}
        onClick={ask}
      />
    </Tooltip>
  );
}
