import type { Derivative } from '@aircheck/protocol';
import { Select } from 'antd';
import { Field } from '../../components/field.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { useTemplates } from '../settings/use-templates.ts';
import { renditionName } from './sources.ts';

interface VersionFieldProps {
  readonly renditions: readonly Derivative[];
  /** Definition of a rendition; undefined: the original. */
  readonly value: number | undefined;
  onChange(definition: number | undefined): void;
}

/** No template has it: it stands for the original. */
const original = 0;

/** What is cut or joined: the original or a rendition. Nothing where there is only the original. */
export function VersionField({ renditions, value = original, onChange }: VersionFieldProps) {
  const { t } = useLibraryI18n();
  const templates = useTemplates();
  if (renditions.length === 0) return null;
  return (
    <Field label={t('versions.used')}>
      {(id) => (
        <Select<number>
          id={id}
          value={value}
          onChange={(definition) => onChange(definition === original ? undefined : definition)}
          options={[
            { value: original, label: t('player.original') },
            ...renditions.map((rendition) => ({
              value: rendition.definition,
              label: renditionName(rendition, templates, t),
            })),
          ]}
          data-testid="used-version"
        />
      )}
    </Field>
  );
}
