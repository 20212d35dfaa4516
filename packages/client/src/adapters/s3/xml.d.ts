/** As much XML as S3's answers need: elements by name, text with its entities. */
/** Contents of every element of this name, in order. S3 never nests an element in one of the same name. */
export declare function elements(xml: string, name: string): string[];
/** Text of the first element of this name. */
export declare function text(xml: string, name: string): string | undefined;
export declare function escapeXml(value: string): string;
//# sourceMappingURL=xml.d.ts.map