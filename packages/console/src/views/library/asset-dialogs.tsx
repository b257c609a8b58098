import type { Asset, CreateJobRequest, TranscodeSpec, UpdateAssetRequest } from '@aircheck/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { Alert, App, type ButtonProps, Input, Modal, Select } from 'antd';
import { type ReactNode, useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { Field } from '../../components/field.tsx';
import { describeProblem } from '../../components/problem.tsx';
import { type LibraryKey, type LibraryTranslate, useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { useProcedures, useTemplates } from '../settings/use-templates.ts';
import { ClassSelect } from './class-select.tsx';
import { defaultClassId } from './classes.ts';

export type AssetTaskKind = 'rename' | 'class' | 'tags' | 'transcode' | 'delete' | 'delete-now' | 'restore';
export interface AssetTask {
  readonly kind: AssetTaskKind;
  readonly assets: readonly Asset[];
}

/** A template's definition, `aac`, or a procedure by name. */
type Format = number | string;
const procedurePrefix = 'procedure:';

/** So many requests at once: a browser keeps six connections to a server. */
const lanes = 5;

/** Asks for what a task needs, and does it to one file or to many. */
export function AssetDialog({ task, onClose, onDone }: { task: AssetTask; onClose(): void; onDone?(): void }) {
  const { t, language } = useLibraryI18n();
  const { message } = App.useApp();
  const queryClient = useQueryClient();
  const { kind, assets } = task;
  const [first] = assets;
  const [name, setName] = useState(first?.fileName ?? '');
  const [classId, setClassId] = useState(assets.length === 1 ? (first?.classId ?? defaultClassId) : defaultClassId);
  const [added, setAdded] = useState<string[]>([]);
  const [removed, setRemoved] = useState<string[]>([]);
  const [format, setFormat] = useState<Format>();
  const [watermark, setWatermark] = useState<number>();
  const [done, setDone] = useState<number>();
  const [problems, setProblems] = useState<string[]>([]);

  const work = (asset: Asset): Promise<unknown> => {
    const change = (changes: UpdateAssetRequest) => libraryApi.updateAsset(asset.fileId, changes);
    switch (kind) {
      case 'rename':
        return change({ fileName: name.trim() });
      case 'class':
        return change({ classId });
      case 'tags':
        return change({ tags: [...new Set([...asset.tags, ...added])].filter((tag) => !removed.includes(tag)) });
      case 'transcode':
        return libraryApi.createJob(transcodeRequest(asset.fileId, format, watermark));
      case 'delete':
        return libraryApi.deleteAsset(asset.fileId);
      case 'delete-now':
        return libraryApi.deleteAsset(asset.fileId, { now: true });
      case 'restore':
        return libraryApi.restoreAsset(asset.fileId);
    }
  };
  const ready =
    kind === 'rename'
      ? name.trim() !== ''
      : kind === 'tags'
        ? added.length + removed.length > 0
        : kind !== 'transcode' || format !== undefined;
  const run = async () => {
    if (!ready || done !== undefined) return;
    setProblems([]);
    setDone(0);
    const failed: string[] = [];
    const queue = [...assets];
    const lane = async () => {
      for (let asset = queue.shift(); asset !== undefined; asset = queue.shift()) {
        try {
          await work(asset);
        } catch (error) {
          const { title, detail } = describeProblem(error, { t, language });
          failed.push(`${asset.fileName}: ${title}. ${detail}`);
        }
        setDone((count = 0) => count + 1);
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    const keys = [['assets'], ['asset'], ['jobs'], queryKeys.classes];
    await Promise.all(keys.map((queryKey) => queryClient.invalidateQueries({ queryKey })));
    setDone(undefined);
    setProblems(failed);
    if (failed.length < assets.length) {
      void message.success(t(`done.${kind}` as LibraryKey, { count: assets.length - failed.length }));
    }
    if (failed.length === 0) {
      onDone?.();
      onClose();
    }
  };
  const danger = kind === 'delete' || kind === 'delete-now';
  const count = assets.length;
  return (
    <Modal
      open
      width={460}
      title={
        count === 1 ? t(`task.${kind}` as LibraryKey) : t('task.many', { task: t(`task.${kind}` as LibraryKey), count })
      }
      okText={done === undefined ? t(`task.${kind}.ok` as LibraryKey) : `${done} / ${count}`}
      cancelText={t('action.cancel')}
      okButtonProps={
        { danger, disabled: !ready, loading: done !== undefined, 'data-testid': 'dialog-ok' } as ButtonProps
      }
      onOk={run}
      onCancel={onClose}
      data-testid="asset-dialog"
    >
      <div className="stack">
        {problems.length > 0 && <Problems problems={problems} />}
        {kind === 'rename' && (
          <Field label={t('library.name')}>
            {(id) => (
              <Input
                id={id}
                autoFocus
                value={name}
                maxLength={1000}
                onChange={(event) => setName(event.target.value)}
                onPressEnter={() => void run()}
                data-testid="dialog-name"
              />
            )}
          </Field>
        )}
        {kind === 'class' && (
          <Field label={t('library.class')}>
            {(id) => <ClassSelect id={id} value={classId} onChange={setClassId} />}
          </Field>
        )}
        {kind === 'tags' && (
          <TagFields assets={assets} added={added} removed={removed} onAdd={setAdded} onRemove={setRemoved} />
        )}
        {kind === 'transcode' && (
          <TranscodeFields format={format} watermark={watermark} onFormat={setFormat} onWatermark={setWatermark} />
        )}
        {kind === 'delete' && <Explained assets={assets} text={t('task.delete.text')} />}
        {kind === 'delete-now' && <Explained assets={assets} text={t('task.delete-now.text')} />}
        {kind === 'restore' && <Explained assets={assets} text={t('task.restore.text')} />}
      </div>
    </Modal>
  );
}

function transcodeRequest(fileId: string, format: Format | undefined, watermark: number | undefined): CreateJobRequest {
  if (typeof format === 'number') {
    return { type: 'transcode', fileId, definition: format, ...(watermark !== undefined && { watermark }) };
  }
  if (format?.startsWith(procedurePrefix) === true) {
    return { type: 'procedure', fileId, name: format.slice(procedurePrefix.length) };
  }
  return { type: 'aac', fileId };
}

function Problems({ problems }: { problems: readonly string[] }) {
  const { t } = useLibraryI18n();
  return (
    <Alert
      type="error"
      showIcon
      title={t('task.failed', { count: problems.length })}
      data-testid="problem"
      description={
        <ul>
          {problems.slice(0, 5).map((problem) => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
      }
    />
  );
}

function Explained({ assets, text }: { assets: readonly Asset[]; text: ReactNode }) {
  const { t } = useLibraryI18n();
  const shown = 3;
  return (
    <>
      <ul className="name-list">
        {assets.slice(0, shown).map(({ fileId, fileName }) => (
          <li key={fileId} className="ellipsis">
            {fileName}
          </li>
        ))}
        {assets.length > shown && <li className="muted">{t('health.more', { count: assets.length - shown })}</li>}
      </ul>
      <p className="muted">{text}</p>
    </>
  );
}

interface TagFieldsProps {
  readonly assets: readonly Asset[];
  readonly added: string[];
  readonly removed: string[];
  onAdd(tags: string[]): void;
  onRemove(tags: string[]): void;
}

function TagFields({ assets, added, removed, onAdd, onRemove }: TagFieldsProps) {
  const { t } = useLibraryI18n();
  const present = [...new Set(assets.flatMap(({ tags }) => tags))].sort();
  return (
    <>
      <Field label={t('task.tags.add')}>
        {(id) => (
          <Select
            id={id}
            mode="tags"
            autoFocus
            value={added}
            onChange={onAdd}
            tokenSeparators={[',', '，', ';']}
            open={false}
            suffixIcon={null}
            placeholder={t('tags.placeholder')}
            data-testid="dialog-tags"
          />
        )}
      </Field>
      {present.length > 0 && (
        <Field label={t('task.tags.remove')}>
          {(id) => (
            <Select
              id={id}
              mode="multiple"
              value={removed}
              onChange={onRemove}
              options={present.map((tag) => ({ value: tag, label: tag }))}
            />
          )}
        </Field>
      )}
    </>
  );
}

interface TranscodeFieldsProps {
  readonly format: Format | undefined;
  readonly watermark: number | undefined;
  onFormat(format: Format): void;
  onWatermark(definition: number | undefined): void;
}

function TranscodeFields({ format, watermark, onFormat, onWatermark }: TranscodeFieldsProps) {
  const { t } = useLibraryI18n();
  const templates = useTemplates();
  const procedures = useProcedures();
  const watermarks = templates.filter(({ kind }) => kind === 'watermark');
  return (
    <>
      <Field label={t('transcode.template')}>
        {(id) => (
          <Select<Format>
            id={id}
            {...(format !== undefined && { value: format })}
            onChange={onFormat}
            showSearch={{ optionFilterProp: 'label' }}
            placeholder={t('transcode.choose')}
            optionLabelProp="label"
            data-testid="transcode-template"
            options={[
              { value: 'aac', label: t('transcode.aac'), text: t('transcode.aacText') },
              ...templates.flatMap((template) =>
                template.kind === 'transcode'
                  ? [{ value: template.definition, label: template.name, text: describeSpec(template.spec, t) }]
                  : [],
              ),
              ...procedures.map(({ name }) => ({
                value: `${procedurePrefix}${name}`,
                label: name,
                text: t('job.procedure'),
              })),
            ]}
            optionRender={({ data }) => (
              <span className="option-two-lines">
                <b>{data.label}</b>
                <span className="muted small">{data.text}</span>
              </span>
            )}
          />
        )}
      </Field>
      {watermarks.length > 0 && typeof format !== 'string' && (
        <Field label={t('transcode.watermark')}>
          {(id) => (
            <Select<number>
              id={id}
              allowClear
              {...(watermark !== undefined && { value: watermark })}
              onChange={(value) => onWatermark(value)}
              placeholder={t('transcode.noWatermark')}
              options={watermarks.map((template) => ({ value: template.definition, label: template.name }))}
            />
          )}
        </Field>
      )}
    </>
  );
}

/** `MP4 · 1280×720 · 1.5 Mbit/s · AAC`. */
export function describeSpec({ container, video, audio }: TranscodeSpec, t: LibraryTranslate): string {
  const size =
    video === null
      ? t('transcode.noVideo')
      : video.width !== undefined && video.height !== undefined
        ? `${video.width}×${video.height}`
        : video.height !== undefined
          ? `${video.height}p`
          : video.width !== undefined
            ? `${video.width} px`
            : t('transcode.sameSize');
  const rate = video === null ? (audio?.bitrateBps ?? 0) : video.bitrateBps;
  return [
    container.toUpperCase(),
    size,
    `${Math.round(rate / 1000)} kbit/s`,
    audio === null ? t('transcode.noAudio') : 'AAC',
  ].join(' · ');
}
