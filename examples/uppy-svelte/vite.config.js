import { svelte } from '@sveltejs/vite-plugin-svelte'

export default { envPrefix: ['PAWL_URL'], plugins: [svelte({ configFile: false })] }
