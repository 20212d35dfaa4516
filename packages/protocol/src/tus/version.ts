/** The version spoken here, as `Tus-Resumable` and `Tus-Version` carry it (tus 1.0, Headers). */
export const TUS_VERSION = '1.0.0'
