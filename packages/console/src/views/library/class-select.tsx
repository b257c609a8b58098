import type { AssetClass } from '@aircheck/protocol';
import { Select } from 'antd';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { className, classPath } from './classes.ts';
import { useClasses } from './use-classes.ts';

interface ClassSelectProps {
  readonly id?: string;
  readonly value: number;
  readonly onChange?: (classId: number) => void;
  /** Those to choose from; all when absent. */
  readonly classes?: readonly AssetClass[];
  /** A choice before the classes, e.g. the top of the tree. */
  readonly first?: { readonly value: number; readonly label: string };
  readonly disabled?: boolean;
}

/** One class out of the tree. */
export function ClassSelect({ classes, first, ...props }: ClassSelectProps) {
  const { t } = useLibraryI18n();
  const all = useClasses();
  const options = (classes ?? all).map((one) => ({
    value: one.classId,
    label: classPath(all, one.classId, t),
    name: className(one, t),
    level: one.level,
  }));
  return (
    <Select
      {...props}
      showSearch={{ optionFilterProp: 'label' }}
      popupMatchSelectWidth={false}
      style={{ width: '100%' }}
      options={first === undefined ? options : [{ ...first, name: first.label, level: 1 }, ...options]}
      optionRender={({ data }) => <span style={{ paddingLeft: (data.level - 1) * 16 }}>{data.name}</span>}
      data-testid="class-select"
    />
  );
}
