import type { Asset, PlayUrls } from '@aircheck/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { App, Button, Dropdown } from 'antd';
import { useState } from 'react';
import { useCopy } from '../../components/copy.tsx';
import { CopyIcon, DownloadIcon, MoreIcon } from '../../components/icons.tsx';
import { useProblemToast } from '../../components/problem.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { addressOf, navigate } from '../../router.ts';
import { AssetDialog, type AssetTaskKind } from '../library/asset-dialogs.tsx';
import { downloadName } from './download-name.ts';

/** What can be done to a whole file. */
export function AssetActions({ asset, urls }: { asset: Asset; urls: PlayUrls | undefined }) {
  const { t } = useLibraryI18n();
  const { message } = App.useApp();
  const copy = useCopy();
  const queryClient = useQueryClient();
  const showProblem = useProblemToast();
  const [task, setTask] = useState<AssetTaskKind>();
  const recycled = asset.state === 'recycled';
  const setBanned = async (banned: boolean) => {
    try {
      await libraryApi.updateAsset(asset.fileId, { banned });
      void message.success(t(banned ? 'asset.banDone' : 'asset.unbanDone'));
      await queryClient.invalidateQueries({ queryKey: ['asset', asset.fileId] });
      await queryClient.invalidateQueries({ queryKey: ['assets'] });
    } catch (error) {
      showProblem(error);
    }
  };
  return (
    <div className="asset-actions">
      {recycled ? (
        <Button type="primary" onClick={() => setTask('restore')} data-testid="restore">
          {t('task.restore')}
        </Button>
      ) : (
        <>
          <Button
            type="primary"
            icon={<DownloadIcon />}
            disabled={urls === undefined || asset.state !== 'ready'}
            href={urls?.mp4 ?? ''}
            download={downloadName(asset)}
            data-testid="download"
          >
            {t('player.download')}
          </Button>
          <Button
            icon={<CopyIcon />}
            disabled={urls === undefined}
            onClick={() => void copy(urls?.mp4 ?? '', t('player.copied'))}
            data-testid="copy-link"
          >
            {t('player.copy')}
          </Button>
        </>
      )}
      <Dropdown
        trigger={['click']}
        placement="bottomRight"
        menu={{
          items: [
            {
              key: 'transcode',
              label: t('task.transcode'),
              disabled: asset.state !== 'ready',
              onClick: () => setTask('transcode'),
            },
            {
              key: 'ban',
              label: t(asset.banned ? 'asset.unban' : 'asset.ban'),
              disabled: recycled,
              onClick: () => void setBanned(!asset.banned),
            },
            { type: 'divider' },
            recycled
              ? { key: 'delete-now', danger: true, label: t('task.delete-now'), onClick: () => setTask('delete-now') }
              : {
                  key: 'delete',
                  danger: true,
                  label: t('task.delete'),
                  disabled: asset.state === 'recording',
                  onClick: () => setTask('delete'),
                },
          ],
        }}
      >
        <Button
          icon={<MoreIcon />}
          aria-label={t('library.actions', { name: asset.fileName })}
          data-testid="asset-menu"
        />
      </Dropdown>
      {task !== undefined && (
        <AssetDialog
          task={{ kind: task, assets: [asset] }}
          onClose={() => setTask(undefined)}
          onDone={() => {
            if (task === 'delete' || task === 'delete-now') navigate(addressOf.library());
          }}
        />
      )}
    </div>
  );
}
