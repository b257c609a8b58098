import { useQueryClient } from '@tanstack/react-query';
import { Button, Progress } from 'antd';
import { useEffect, useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { CheckIcon, CloseIcon, ForwardIcon, PauseIcon, PlayIcon, RedoIcon } from '../../components/icons.tsx';
import { useMedia } from '../../components/use-media.ts';
import { type LibraryKey, useLibraryI18n } from '../../i18n/library-i18n.ts';
import { addressOf } from '../../router.ts';
import {
  clearUploads,
  onUploadReady,
  pauseUpload,
  removeUpload,
  resumeUpload,
  type Sending,
  useUploads,
} from './uploads.ts';
import '../../library.css';

/** The uploads of this page, in a corner of it. */
export default function UploadDock() {
  const { t } = useLibraryI18n();
  const queryClient = useQueryClient();
  const uploads = useUploads();
  const narrow = useMedia('(max-width: 700px)');
  // On a phone it would cover half of the page.
  const [folded, setFolded] = useState(narrow);
  useEffect(
    () =>
      onUploadReady(() => {
        void queryClient.invalidateQueries({ queryKey: ['assets'] });
        void queryClient.invalidateQueries({ queryKey: queryKeys.classes });
      }),
    [queryClient],
  );
  if (uploads.length === 0) return null;
  const ended = uploads.filter(({ state }) => state === 'ready' || state === 'rejected').length;
  return (
    <aside className="upload-dock" aria-label={t('upload.title')} data-testid="uploads">
      <header>
        <b>
          {ended === uploads.length
            ? t('upload.done', { count: ended })
            : t('upload.running', { ended, all: uploads.length })}
        </b>
        <div className="spacer" />
        <Button
          type="text"
          size="small"
          className="fold-button"
          data-folded={folded}
          icon={<ForwardIcon size={16} />}
          aria-expanded={!folded}
          aria-label={t('upload.fold')}
          onClick={() => setFolded(!folded)}
        />
        {ended > 0 && (
          <Button
            type="text"
            size="small"
            icon={<CloseIcon size={16} />}
            aria-label={t('upload.clear')}
            title={t('upload.clear')}
            onClick={clearUploads}
          />
        )}
      </header>
      {!folded && (
        <ul>
          {uploads.map((upload) => (
            <UploadRow key={upload.id} upload={upload} />
          ))}
        </ul>
      )}
    </aside>
  );
}

function UploadRow({ upload }: { upload: Sending }) {
  const { t, format } = useLibraryI18n();
  const { id, fileName, sizeBytes, sentBytes, state, detail, fileId } = upload;
  const percent = sizeBytes === 0 ? 0 : Math.floor((sentBytes / sizeBytes) * 100);
  return (
    <li data-state={state} data-testid={`upload-${fileName}`}>
      <div className="upload-text">
        {fileId === null ? (
          <span className="ellipsis">{fileName}</span>
        ) : (
          <a className="ellipsis asset-link" href={addressOf.asset(fileId)}>
            {fileName}
          </a>
        )}
        <span className="muted small">
          {state === 'sending' || state === 'paused'
            ? `${t(`upload.${state}`)} · ${format.size(sentBytes)} / ${format.size(sizeBytes)}`
            : detail === null || detail === ''
              ? t(`upload.${state}` as LibraryKey)
              : t('upload.why', { state: t(`upload.${state}` as LibraryKey), detail })}
        </span>
        {(state === 'sending' || state === 'paused') && <Progress percent={percent} size="small" showInfo={false} />}
      </div>
      {state === 'sending' && (
        <Button
          type="text"
          size="small"
          icon={<PauseIcon size={16} />}
          aria-label={t('upload.pause')}
          onClick={() => pauseUpload(id)}
        />
      )}
      {state === 'paused' && (
        <Button
          type="text"
          size="small"
          icon={<PlayIcon size={16} />}
          aria-label={t('upload.resume')}
          onClick={() => resumeUpload(id)}
        />
      )}
      {state === 'broken' && (
        <Button
          type="text"
          size="small"
          icon={<RedoIcon size={16} />}
          aria-label={t('action.retry')}
          onClick={() => resumeUpload(id)}
        />
      )}
      {state === 'ready' ? (
        <span className="upload-ok">
          <CheckIcon size={16} />
        </span>
      ) : (
        <Button
          type="text"
          size="small"
          icon={<CloseIcon size={16} />}
          aria-label={t('upload.remove')}
          disabled={state === 'checking'}
          onClick={() => removeUpload(id)}
        />
      )}
    </li>
  );
}
