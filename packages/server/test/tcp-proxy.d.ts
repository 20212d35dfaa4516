export interface TcpProxy {
    readonly url: string;
    /** Bytes that were passed on towards the server so far, headers included. */
    readonly bytes: number;
    /** Bytes per second towards the server; 0 for no limit. */
    rate: number;
    /** Answers are thrown away instead of passed back. */
    swallowAnswers: boolean;
    /** Ends every connection at once. */
    cut(): void;
    close(): Promise<void>;
}
export declare function startTcpProxy(port: number, rate?: number): Promise<TcpProxy>;
//# sourceMappingURL=tcp-proxy.d.ts.map