import { type IncomingMessage } from 'node:http';
interface StoredObject {
    readonly bytes: Buffer;
    readonly headers: Record<string, string>;
    readonly etag: string;
    readonly checksum: string | undefined;
}
interface Multipart {
    readonly key: string;
    readonly headers: Record<string, string>;
    /** Whether it was created with `x-amz-checksum-algorithm: CRC32` for the full object. */
    readonly checked: boolean;
    readonly parts: Map<number, {
        readonly bytes: Buffer;
        readonly etag: string;
    }>;
}
export interface S3Emulator {
    readonly endpoint: string;
    readonly objects: Map<string, StoredObject>;
    readonly uploads: Map<string, Multipart>;
    readonly requests: {
        readonly method: string;
        readonly url: URL;
        readonly headers: IncomingMessage['headers'];
    }[];
    /** Parts a page of ListParts. */
    page: number;
    /** Answers in the server's place. `after` answers once the request was carried out. */
    intercept: (method: string, url: URL) => {
        status: number;
        code: string;
        after?: boolean;
    } | undefined;
    close(): Promise<void>;
}
export declare function startS3Emulator(): Promise<S3Emulator>;
export {};
//# sourceMappingURL=s3-emulator.d.ts.map