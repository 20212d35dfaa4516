export interface PawlOptions {
    /** Kept by the caller; otherwise a temporary one that `stop` removes. */
    readonly dataDir?: string;
    /** More settings, such as `{ PAWL_UPLOAD_TTL: '2s' }`; PAWL_DEV is on unless set otherwise. */
    readonly env?: Readonly<Record<string, string>>;
    readonly args?: readonly string[];
    /** Also build and serve the page. */
    readonly page?: boolean;
}
export interface Pawl {
    /** Without a slash at the end; the same after `restart`. */
    readonly url: string;
    readonly port: number;
    readonly dataDir: string;
    /** Of the process that runs now. */
    readonly pid: number;
    /** What the process wrote so far, both streams. */
    readonly output: string;
    /** SIGKILL; resolves when the process is gone. */
    kill(): Promise<void>;
    /** SIGTERM or the given signal; resolves to the exit code. */
    terminate(signal?: NodeJS.Signals): Promise<number | null>;
    /** A new process on the same data and port. */
    restart(env?: Readonly<Record<string, string>>): Promise<void>;
    /** Ends it if it still runs and removes a temporary data folder. */
    stop(): Promise<void>;
}
/** What runs a server, without the page. */
export declare const mainScript: string;
export declare function startPawl(options?: PawlOptions): Promise<Pawl>;
/** A port that nobody listens on: a restarted server must come back at the same address. */
export declare function freePort(): Promise<number>;
/** The environment of a server under test: no setting of whoever runs the tests, and a quick start. */
export declare function serverEnv(): NodeJS.ProcessEnv;
//# sourceMappingURL=process.d.ts.map