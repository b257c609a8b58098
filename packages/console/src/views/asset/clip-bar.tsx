import type { Asset, Derivative } from '@aircheck/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { App, Button, type ButtonProps, Input, Modal } from 'antd';
import { type RefObject, useEffect, useState } from 'react';
import { Field } from '../../components/field.tsx';
import { ImageIcon, ScissorsIcon } from '../../components/icons.tsx';
import { useProblemToast } from '../../components/problem.tsx';
import { useSubmit } from '../../components/use-submit.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { newestRenditions } from './common-renditions.ts';
import type { PlayerHandle } from './player.tsx';
import type { Marks } from './scrub-bar.tsx';
import { VersionField } from './version-field.tsx';

interface ClipBarProps {
  readonly asset: Asset;
  readonly derivatives: readonly Derivative[];
  readonly marks: Marks;
  onMarks(marks: Marks): void;
  readonly player: RefObject<PlayerHandle | null>;
}

/** Marks a part of the file to cut out, and takes pictures of it, at the place that is played. */
export function ClipBar({ asset, derivatives, marks, onMarks, player }: ClipBarProps) {
  const { t, format } = useLibraryI18n();
  const { message } = App.useApp();
  const queryClient = useQueryClient();
  const showProblem = useProblemToast();
  const [asking, setAsking] = useState(false);
  const now = () => Math.round(player.current?.nowMs() ?? 0);
  const markIn = () => {
    const inMs = now();
    onMarks({ inMs, outMs: marks.outMs !== undefined && marks.outMs > inMs ? marks.outMs : undefined });
  };
  const markOut = () => {
    const outMs = now();
    onMarks({ outMs, inMs: marks.inMs !== undefined && marks.inMs < outMs ? marks.inMs : undefined });
  };
  const snapshot = async () => {
    const atMs = Math.min(now(), Math.max(0, Math.floor(asset.durationMs) - 1));
    try {
      await libraryApi.createJob({ type: 'snapshot', fileId: asset.fileId, offsetsMs: [atMs] });
      void message.info(t('clip.snapshotBegun', { time: format.timecode(atMs) }));
      await queryClient.invalidateQueries({ queryKey: ['jobs'] });
    } catch (error) {
      showProblem(error);
    }
  };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest('input, textarea, select, [role=dialog]'))
        return;
      if (event.key === 'i') markIn();
      else if (event.key === 'o') markOut();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  });
  const startMs = marks.inMs ?? 0;
  const endMs = marks.outMs ?? asset.durationMs;
  const marked = marks.inMs !== undefined || marks.outMs !== undefined;
  return (
    <div className="clip-bar">
      <Button onClick={markIn} title={`${t('clip.in')} (I)`} data-testid="mark-in">
        {t('clip.in')}
      </Button>
      <Button onClick={markOut} title={`${t('clip.out')} (O)`} data-testid="mark-out">
        {t('clip.out')}
      </Button>
      <span className="clip-span figures" data-marked={marked}>
        {format.timecode(startMs)} – {format.timecode(endMs)}
        {marked && <em> ({format.milliseconds(Math.max(0, endMs - startMs))})</em>}
      </span>
      {marked && (
        <Button type="text" onClick={() => onMarks({})}>
          {t('clip.clear')}
        </Button>
      )}
      <Button
        type={marked ? 'primary' : 'default'}
        icon={<ScissorsIcon />}
        disabled={!marked}
        onClick={() => setAsking(true)}
        data-testid="make-clip"
      >
        {t('clip.make')}
      </Button>
      <div className="spacer" />
      {asset.video !== null && (
        <Button icon={<ImageIcon />} onClick={snapshot} data-testid="snapshot">
          {t('clip.snapshot')}
        </Button>
      )}
      {asking && (
        <ClipDialog
          asset={asset}
          renditions={newestRenditions(derivatives)}
          startMs={startMs}
          endMs={marks.outMs}
          onClose={() => setAsking(false)}
        />
      )}
    </div>
  );
}

interface ClipDialogProps {
  readonly asset: Asset;
  readonly renditions: readonly Derivative[];
  readonly startMs: number;
  readonly endMs: number | undefined;
  onClose(): void;
}

function ClipDialog({ asset, renditions, startMs, endMs, onClose }: ClipDialogProps) {
  const { t, format } = useLibraryI18n();
  const { message } = App.useApp();
  const queryClient = useQueryClient();
  const [name, setName] = useState(
    `${asset.fileName} (${format.duration(startMs)}–${format.duration(endMs ?? asset.durationMs)})`,
  );
  const [definition, setDefinition] = useState<number>();
  const make = useSubmit(async () => {
    await libraryApi.createJob({
      type: 'clip',
      fileId: asset.fileId,
      startMs,
      ...(endMs !== undefined && { endMs }),
      ...(definition !== undefined && { definition }),
      fileName: name.trim(),
      classId: asset.classId,
      tags: asset.tags,
    });
    void message.info(t('clip.begun'));
    await queryClient.invalidateQueries({ queryKey: ['jobs'] });
    onClose();
  });
  return (
    <Modal
      open
      width={460}
      title={t('clip.make')}
      okText={t('clip.ok')}
      cancelText={t('action.cancel')}
      okButtonProps={{ loading: make.busy, disabled: name.trim() === '', 'data-testid': 'clip-ok' } as ButtonProps}
      onOk={make.submit}
      onCancel={onClose}
    >
      <div className="stack">
        {make.problem}
        <Field label={t('library.name')} hint={t('clip.hint')}>
          {(id) => (
            <Input
              id={id}
              autoFocus
              value={name}
              maxLength={1000}
              onChange={(event) => setName(event.target.value)}
              onPressEnter={() => void make.submit()}
              data-testid="clip-name"
            />
          )}
        </Field>
        <VersionField renditions={renditions} value={definition} onChange={setDefinition} />
      </div>
    </Modal>
  );
}
