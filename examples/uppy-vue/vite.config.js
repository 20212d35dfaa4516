import vue from '@vitejs/plugin-vue'

export default { envPrefix: ['PAWL_URL'], plugins: [vue()] }
