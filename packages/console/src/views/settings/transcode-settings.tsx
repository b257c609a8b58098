import type { Template, TranscodeSpec } from '@aircheck/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { App, Button, Input, InputNumber, Modal, Segmented, Select, Switch } from 'antd';
import { useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { Field } from '../../components/field.tsx';
import { PlusIcon } from '../../components/icons.tsx';
import { useSubmit } from '../../components/use-submit.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { describeSpec } from '../library/asset-dialogs.tsx';
import { DeleteTemplate } from './delete-template.tsx';
import { useTemplates } from './use-templates.ts';

/** Templates that files are transcoded by: those that are there, and own ones. */
export function TranscodeSettings() {
  const { t } = useLibraryI18n();
  const templates = useTemplates();
  const [creating, setCreating] = useState(false);
  return (
    <div className="stack">
      <div className="row">
        <p className="muted grow">{t('templates.text')}</p>
        <Button type="primary" icon={<PlusIcon />} onClick={() => setCreating(true)} data-testid="new-template">
          {t('templates.new')}
        </Button>
      </div>
      <ul className="card template-list" data-testid="templates">
        {templates.map((template) =>
          template.kind === 'transcode' ? <TemplateRow key={template.definition} template={template} /> : null,
        )}
      </ul>
      {creating && <TemplateDialog onClose={() => setCreating(false)} />}
    </div>
  );
}

function TemplateRow({ template }: { template: Extract<Template, { kind: 'transcode' }> }) {
  const { t } = useLibraryI18n();
  return (
    <li className="version-row">
      <span className="segment-number figures">{template.definition}</span>
      <div className="version-text">
        <b>{template.name}</b>
        <span className="muted small">{describeSpec(template.spec, t)}</span>
      </div>
      {template.builtIn ? (
        <span className="badge">{t('templates.builtIn')}</span>
      ) : (
        <DeleteTemplate template={template} />
      )}
    </li>
  );
}

function TemplateDialog({ onClose }: { onClose: () => void }) {
  const { t } = useLibraryI18n();
  const { message } = App.useApp();
  const queryClient = useQueryClient();
  const [name, setName] = useState('');
  const [container, setContainer] = useState<TranscodeSpec['container']>('mp4');
  const [height, setHeight] = useState<number | null>(720);
  const [fps, setFps] = useState<number | null>(null);
  const [videoKbps, setVideoKbps] = useState(1_500);
  const [audio, setAudio] = useState(true);
  const [audioKbps, setAudioKbps] = useState(96);
  const withVideo = container !== 'm4a';
  const create = useSubmit(async () => {
    await libraryApi.createTemplate({
      kind: 'transcode',
      name: name.trim(),
      spec: {
        container,
        video: withVideo
          ? {
              codec: 'h264',
              bitrateBps: videoKbps * 1000,
              ...(height !== null && { height }),
              ...(fps !== null && { fps }),
            }
          : null,
        audio:
          audio || !withVideo ? { codec: 'aac', bitrateBps: audioKbps * 1000, sampleRate: 48_000, channels: 2 } : null,
      },
    });
    await queryClient.invalidateQueries({ queryKey: queryKeys.templates });
    void message.success(t('templates.made'));
    onClose();
  });
  return (
    <Modal
      open
      width={480}
      title={t('templates.new')}
      okText={t('action.create')}
      cancelText={t('action.cancel')}
      okButtonProps={{ disabled: name.trim() === '', loading: create.busy }}
      onOk={create.submit}
      onCancel={onClose}
    >
      <div className="stack">
        {create.problem}
        <Field label={t('library.name')}>
          {(id) => (
            <Input id={id} autoFocus value={name} maxLength={64} onChange={(event) => setName(event.target.value)} />
          )}
        </Field>
        <Segmented<TranscodeSpec['container']>
          block
          value={container}
          onChange={setContainer}
          options={[
            { value: 'mp4', label: 'MP4' },
            { value: 'hls', label: 'HLS' },
            { value: 'm4a', label: t('templates.soundOnly') },
          ]}
        />
        {withVideo && (
          <div className="two-columns">
            <Field label={t('templates.height')}>
              {(id) => (
                <Select<number>
                  id={id}
                  value={height ?? 0}
                  onChange={(value) => setHeight(value === 0 ? null : value)}
                  options={[
                    { value: 0, label: t('transcode.sameSize') },
                    ...[240, 360, 480, 720, 1080].map((value) => ({ value, label: `${value}p` })),
                  ]}
                />
              )}
            </Field>
            <Field label={t('templates.videoRate')}>
              {(id) => (
                <InputNumber
                  id={id}
                  min={50}
                  max={50_000}
                  precision={0}
                  suffix="kbit/s"
                  value={videoKbps}
                  onChange={(value) => setVideoKbps(value ?? 1_500)}
                />
              )}
            </Field>
            <Field label={t('templates.fps')}>
              {(id) => (
                <InputNumber id={id} min={1} max={60} placeholder={t('templates.asIs')} value={fps} onChange={setFps} />
              )}
            </Field>
          </div>
        )}
        <div className="two-columns">
          <Field label={t('templates.audioRate')}>
            {(id) => (
              <InputNumber
                id={id}
                min={16}
                max={320}
                precision={0}
                suffix="kbit/s"
                disabled={!audio && withVideo}
                value={audioKbps}
                onChange={(value) => setAudioKbps(value ?? 96)}
              />
            )}
          </Field>
          {withVideo && (
            <Field label={t('facts.audio')}>
              {(id) => (
                <span>
                  <Switch id={id} checked={audio} onChange={setAudio} />
                </span>
              )}
            </Field>
          )}
        </div>
      </div>
    </Modal>
  );
}
