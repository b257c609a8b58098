/** The filter of the list, for the way back to it. */
export const lastSearch = { value: '' };
