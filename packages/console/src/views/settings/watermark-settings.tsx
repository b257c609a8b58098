import { useQueryClient } from '@tanstack/react-query';
import { Alert, App, Button, Input, Modal, Slider } from 'antd';
import { useRef, useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { EmptyState } from '../../components/empty-state.tsx';
import { Field } from '../../components/field.tsx';
import { ImageIcon, PlusIcon } from '../../components/icons.tsx';
import { useSubmit } from '../../components/use-submit.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { DeleteTemplate } from './delete-template.tsx';
import { useTemplates } from './use-templates.ts';

const largestBytes = 100 * 1024;

/** Pictures that transcoding puts on the picture. */
export function WatermarkSettings() {
  const { t } = useLibraryI18n();
  const templates = useTemplates();
  const [creating, setCreating] = useState(false);
  const watermarks = templates.flatMap((template) => (template.kind === 'watermark' ? [template] : []));
  return (
    <div className="stack">
      <div className="row">
        <p className="muted grow">{t('watermarks.text')}</p>
        <Button type="primary" icon={<PlusIcon />} onClick={() => setCreating(true)} data-testid="new-watermark">
          {t('watermarks.new')}
        </Button>
      </div>
      {watermarks.length === 0 ? (
        <EmptyState
          icon={<ImageIcon size={26} />}
          title={t('watermarks.emptyTitle')}
          text={t('watermarks.emptyText')}
        />
      ) : (
        <ul className="card-grid">
          {watermarks.map((template) => (
            <li key={template.definition} className="card watermark-card">
              <WatermarkStage
                left={template.spec.left}
                top={template.spec.top}
                width={template.spec.width}
                height={template.spec.height}
                image={`/v1/templates/${template.definition}/image`}
              />
              <div className="row">
                <b className="ellipsis grow">{template.name}</b>
                <span className="muted small figures">#{template.definition}</span>
                <DeleteTemplate template={template} />
              </div>
              <span className="muted small figures">
                {t('watermarks.place', {
                  left: template.spec.left,
                  top: template.spec.top,
                  width: template.spec.width,
                })}
              </span>
            </li>
          ))}
        </ul>
      )}
      {creating && <WatermarkDialog onClose={() => setCreating(false)} />}
    </div>
  );
}

interface StageProps {
  readonly left: string;
  readonly top: string;
  readonly width: string;
  readonly height?: string | undefined;
  readonly image?: string | undefined;
}

/** Where on a picture of 1280×720 the watermark lies. */
function WatermarkStage({ left, top, width, height, image }: StageProps) {
  const { t } = useLibraryI18n();
  const place = (length: string, full: number) =>
    length.endsWith('px') ? `${(Number.parseFloat(length) / full) * 100}%` : length;
  return (
    <div className="watermark-stage" role="img" aria-label={t('watermarks.preview')}>
      {image === undefined ? (
        <span
          className="watermark-box"
          style={{
            left: place(left, 1280),
            top: place(top, 720),
            width: place(width, 1280),
            ...(height === undefined ? { aspectRatio: '3' } : { height: place(height, 720) }),
          }}
        />
      ) : (
        <img
          src={image}
          alt=""
          style={{
            left: place(left, 1280),
            top: place(top, 720),
            width: place(width, 1280),
            ...(height !== undefined && { height: place(height, 720) }),
          }}
        />
      )}
    </div>
  );
}

function WatermarkDialog({ onClose }: { onClose: () => void }) {
  const { t, format } = useLibraryI18n();
  const { message } = App.useApp();
  const queryClient = useQueryClient();
  const input = useRef<HTMLInputElement>(null);
  const [name, setName] = useState('');
  const [image, setImage] = useState<string>();
  const [wrong, setWrong] = useState<string>();
  const [left, setLeft] = useState(78);
  const [top, setTop] = useState(6);
  const [width, setWidth] = useState(16);
  const choose = async (file: File | undefined) => {
    if (file === undefined) return;
    setWrong(undefined);
    const begin = new Uint8Array(await file.slice(0, 8).arrayBuffer());
    if (String.fromCharCode(...begin.slice(1, 4)) !== 'PNG') return setWrong(t('watermarks.notPng'));
    if (file.size > largestBytes) return setWrong(t('watermarks.tooLarge', { size: format.size(file.size) }));
    setImage(await dataUrlOf(file));
    if (name === '') setName(file.name.replace(/\.png$/i, '').slice(0, 64));
  };
  const create = useSubmit(async () => {
    if (image === undefined) return;
    await libraryApi.createTemplate({
      kind: 'watermark',
      name: name.trim(),
      spec: { left: `${left}%`, top: `${top}%`, width: `${width}%` },
      image: image.slice(image.indexOf(',') + 1),
    });
    await queryClient.invalidateQueries({ queryKey: queryKeys.templates });
    void message.success(t('templates.made'));
    onClose();
  });
  const slider = (label: string, value: number, set: (value: number) => void, min: number, max: number) => (
    <Field label={`${label}: ${value} %`}>
      {() => <Slider min={min} max={max} value={value} onChange={set} ariaLabelForHandle={label} />}
    </Field>
  );
  return (
    <Modal
      open
      width={560}
      title={t('watermarks.new')}
      okText={t('action.create')}
      cancelText={t('action.cancel')}
      okButtonProps={{ disabled: image === undefined || name.trim() === '', loading: create.busy }}
      onOk={create.submit}
      onCancel={onClose}
    >
      <div className="stack">
        {create.problem}
        {wrong !== undefined && <Alert type="error" showIcon title={wrong} />}
        <WatermarkStage left={`${left}%`} top={`${top}%`} width={`${width}%`} image={image} />
        <div className="row">
          <input
            ref={input}
            type="file"
            accept="image/png"
            hidden
            onChange={(event) => void choose(event.target.files?.[0])}
            data-testid="watermark-file"
          />
          <Button icon={<ImageIcon />} onClick={() => input.current?.click()}>
            {t('watermarks.choose')}
          </Button>
          <span className="muted small">{t('watermarks.limit')}</span>
        </div>
        <Field label={t('library.name')}>
          {(id) => <Input id={id} value={name} maxLength={64} onChange={(event) => setName(event.target.value)} />}
        </Field>
        <div className="three-columns">
          {slider(t('watermarks.left'), left, setLeft, 0, 99)}
          {slider(t('watermarks.top'), top, setTop, 0, 99)}
          {slider(t('watermarks.width'), width, setWidth, 1, 100)}
        </div>
      </div>
    </Modal>
  );
}

function dataUrlOf(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error ?? new Error('the file could not be read'));
    reader.readAsDataURL(file);
  });
}
