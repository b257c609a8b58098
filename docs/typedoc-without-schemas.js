import { Converter, ReflectionKind } from 'typedoc';

/**
 * A typedoc plugin for types that are inferred from zod schemas. `export type { Recording }` gives out two meanings of one
 * name, the type and that of its schema: readers want the first, and its fields instead of `z.infer<…>`.
 * @param {import('typedoc').Application} app
 */
export function load(app) {
  const aliases = [];
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    if (reflection.kindOf(ReflectionKind.TypeAlias))
      aliases.push({ context: context.withScope(reflection), reflection });
  });
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const { context, reflection } of aliases) {
      const name = reflection.type?.name ?? '';
      if (/^Zod\w+$/.test(name)) project.removeReflection(reflection);
      if (!/\b(infer|input)$/.test(name)) continue;
      const symbol = context.getSymbolFromReflection(reflection);
      const type = symbol && context.checker.getDeclaredTypeOfSymbol(symbol);
      if (type !== undefined) reflection.type = app.converter.convertType(context, type);
    }
  });
}
