import type { Asset } from '@aircheck/protocol';
import { useQuery } from '@tanstack/react-query';
import { Segmented, Select, Skeleton } from 'antd';
import { useState } from 'react';
import { CopyField } from '../../components/copy.tsx';
import { Field } from '../../components/field.tsx';
import { ProblemAlert } from '../../components/problem.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';

type Form = 'html' | 'hls' | 'link';
const day = 86_400;

/** Code to put the file on another page, with links that end when they are told to. */
export function PublishTab({ asset }: { asset: Asset }) {
  const { t, format } = useLibraryI18n();
  const [form, setForm] = useState<Form>('html');
  const [ttlSeconds, setTtlSeconds] = useState(30 * day);
  const urls = useQuery({
    queryKey: ['publish', asset.fileId, ttlSeconds],
    queryFn: () => libraryApi.playUrls(asset.fileId, ttlSeconds),
    gcTime: 0,
  });
  const lifetimes = [
    { value: 3_600, label: t('invite.hour') },
    { value: day, label: t('invite.day') },
    { value: 7 * day, label: t('invite.week') },
    { value: 30 * day, label: t('invite.month') },
  ];
  const code = urls.data === undefined ? '' : embedCode(asset, urls.data.mp4, urls.data.hls, urls.data.poster, form);
  return (
    <div className="stack publish">
      <div className="row">
        <Segmented<Form>
          value={form}
          onChange={setForm}
          options={[
            { value: 'html', label: 'HTML' },
            { value: 'hls', label: 'HLS', disabled: urls.data?.hls === null },
            { value: 'link', label: t('publish.link') },
          ]}
        />
        <Field label={t('invite.validity')}>
          {(id) => (
            <Select id={id} value={ttlSeconds} onChange={setTtlSeconds} options={lifetimes} style={{ width: 130 }} />
          )}
        </Field>
      </div>
      {urls.error !== null && <ProblemAlert error={urls.error} />}
      {urls.data === undefined ? (
        urls.error === null && <Skeleton active title={false} />
      ) : (
        <>
          <CopyField label="" value={code} multiline />
          <p className="muted small">{t('publish.until', { time: format.dateTime(urls.data.expiresAt) })}</p>
        </>
      )}
    </div>
  );
}

/** The player's markup, or the bare link. */
function embedCode(
  { video, fileName }: Asset,
  mp4: string,
  hls: string | null,
  poster: string | null,
  form: Form,
): string {
  if (form === 'link') return mp4;
  const size = video === null ? '' : ` width="${video.width}" height="${video.height}"`;
  const image = poster === null ? '' : ` poster="${attribute(poster)}"`;
  const tag = video === null ? 'audio' : 'video';
  const common = `controls playsinline preload="metadata"${size}${image} title="${attribute(fileName)}"`;
  if (form === 'html' || hls === null) return `<${tag} src="${attribute(mp4)}" ${common}></${tag}>`;
  return [
    `<${tag} id="aircheck" ${common}></${tag}>`,
    '<script type="module">',
    "  import Hls from 'hls.js';",
    "  const video = document.getElementById('aircheck');",
    `  const source = ${JSON.stringify(hls).replaceAll('<', '\\u003c')};`,
    '  if (Hls.isSupported()) {',
    '    const hls = new Hls();',
    '    hls.loadSource(source);',
    '    hls.attachMedia(video);',
    '  } else video.src = source;',
    '</script>',
  ].join('\n');
}

function attribute(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
